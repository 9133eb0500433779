#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bindings.h"
#include "mediation.h"
#include "socket_event.h"
#include "worker.h"

/* A name or a port may be that of a socket which is open for our copy of it alone. */
static bool may_be_free_now(struct mediation *mediation, const struct address *address)
{
	if (errno != EADDRINUSE || address->kind == ADDRESS_PATH || !mediation->worker->makes_sockets)
		return false;
	made_socket_look(mediation);
	if (mediation_take(mediation, 0) && mediation_is_valid(mediation))
		return true;
	errno = EADDRINUSE;
	return false;
}

/* The name of a socket that has just been closed, and that a server holds for a connect to it. True: it is bound. */
static bool is_free_later(const struct mediation *mediation, const struct address *address)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (address->kind != ADDRESS_ABSTRACT)
		return false;
	for (unsigned i = 0; i < 2 * POOL_HOLD_MS && errno == EADDRINUSE && pool_is_holding(&mediation->worker->pool);
	     i++) {
		(void)nanosleep(&pause, NULL);
		if (bind(mediation->socket, &address->any, address->length) == 0)
			return true;
	}
	return false;
}

static struct outcome carry_out(struct mediation *mediation, const struct address *address)
{
	if (mediation->is_done)
		return mediation_result(0);
	if (bind(mediation->socket, &address->any, address->length) == 0)
		return mediation_result(0);
	if (may_be_free_now(mediation, address) && bind(mediation->socket, &address->any, address->length) == 0)
		return mediation_result(0);
	if (is_free_later(mediation, address))
		return mediation_result(0);
	return mediation_fail(mediation_error(mediation, errno));
}

static bool has_port(const struct address *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address->bytes;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address->bytes;

	if (address->any.sa_family == AF_INET)
		return four->sin_port != 0;
	return address->any.sa_family == AF_INET6 && six->sin6_port != 0;
}

/* Has the socket a name? */
static bool is_bound(const struct mediation *mediation, struct address *name)
{
	*name = (struct address){.length = sizeof(name->bytes) - 1};
	if (getsockname(mediation->socket, &name->any, &name->length) != 0)
		return false;
	return mediation->is_unix ? name->length > sizeof(sa_family_t) : has_port(name);
}

/* From here on it may have been done; was it before? */
static bool begin(struct mediation *mediation)
{
	struct address name;

	return mediation_begin(mediation, is_bound(mediation, &name) ? BEFORE_TIED : 0U);
}

/* Has it been made since then? No, where its file system does not say. */
static bool is_made_since(int file, const struct timespec *since)
{
	struct statx made;

	if (statx(file, "", AT_EMPTY_PATH, STATX_BTIME, &made) != 0 || !(made.stx_mask & STATX_BTIME))
		return false;
	return made.stx_btime.tv_sec > since->tv_sec ||
	       (made.stx_btime.tv_sec == since->tv_sec && made.stx_btime.tv_nsec >= since->tv_nsec);
}

/*
 * Is it what this call has made, to which the socket is bound? A target may have put another's socket in its place by
 * now (link(2), rename(2)), and would reach that one as its own. The kernel says it of a socket in our network
 * namespace; of another, and none that a worker before this one has bound, the file's age does.
 */
static enum socket_place judge_made(const struct mediation *mediation, int file, const struct stat *status,
				    const struct timespec *since)
{
	enum socket_place place;

	if (!S_ISSOCK(status->st_mode))
		return SOCKET_ELSEWHERE;
	place = bindings_place(&mediation->worker->bindings, mediation->socket, status->st_ino);
	if (place == SOCKET_UNKNOWN && !mediation->is_done && is_made_since(file, since))
		return SOCKET_THERE;
	return place;
}

static void add_path(struct mediation *mediation, int file, const struct stat *status)
{
	if (mediation->worker->commons)
		commons_add(mediation->worker->commons, mediation->socket, status, NULL, 0);
	if (!bindings_add_path(&mediation->worker->bindings, file, status, mediation->socket))
		socket_event_unread(mediation, SOCKET_EVENT_BINDINGS);
}

/* Takes the name, as this call has made it, into the session's own. False: it is not there. */
static bool remember(struct mediation *mediation, const struct pinned *parent, const char *last,
		     const struct timespec *since)
{
	/* On the file system of its directory: what the kernel says is of one. */
	const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV};
	int file = (int)syscall(SYS_openat2, parent->descriptor, last, &how, sizeof(how));
	enum socket_place place = SOCKET_ELSEWHERE;
	struct stat status;

	if (file < 0)
		return false;
	if (fstat(file, &status) == 0)
		place = judge_made(mediation, file, &status, since);
	if (place == SOCKET_THERE)
		add_path(mediation, file, &status);
	else
		close(file);
	return place != SOCKET_ELSEWHERE;
}

/*
 * Between the decision and the kernel's own walk to the name a target can put another directory in
 * its place. What it gains is what rename(2) would give it; it is stopped all the same.
 */
static struct outcome raced(struct mediation *mediation)
{
	int process = (int)syscall(SYS_pidfd_open, mediation->credentials.tgid, 0);

	if (process >= 0 && mediation_is_valid(mediation))
		(void)syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
	if (process >= 0)
		close(process);
	return mediation_deny(mediation, "bind_raced");
}

/* In the target's view and rights: the decision on the pinned directory, then bind(2) with the path as given. */
static struct outcome bind_in_view(struct mediation *mediation, const struct address *address, struct view *view)
{
	struct socket_name judged = {.abstract = false};
	struct new_name name;
	struct outcome outcome;
	struct stat before;
	struct timespec since;
	int error = address->name[0] == '/' ? 0 : view_change_directory(view);

	if (error == 0)
		error = view_pin_parent(view, address->name, &name);
	if (error == EISDIR)
		return carry_out(mediation, address); /* no name at all: the kernel says what is wrong with it */
	if (error < 0)
		return mediation_deny_path(mediation, address, error);
	if (error)
		return mediation_fail(error);
	judged.bytes = name.full;
	judged.length = name.length;
	if (!mediation_allows(mediation, OPERATION_BIND, &judged, &name.parent))
		outcome = mediation_fail(EACCES);
	else if (!mediation->is_done && fstatat(name.parent.descriptor, name.last, &before, AT_SYMLINK_NOFOLLOW) == 0)
		outcome = mediation_fail(EADDRINUSE);
	else if (!begin(mediation))
		outcome = mediation_fail(EINTR);
	else {
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &since); /* as inodes have it */
		outcome = carry_out(mediation, address);
		if (outcome.error == 0 && !remember(mediation, &name.parent, name.last, &since) && !mediation->is_done)
			outcome = raced(mediation);
	}
	view_unpin(&name.parent);
	return outcome;
}

/*
 * The path is walked by the kernel itself, from a working directory and with a umask: they must be the server's
 * alone. Where it has none of its own, it is the only one that has the worker's: nobody else looks at either, nor makes
 * a file.
 */
static struct outcome bind_alone(struct mediation *mediation, const struct address *address, struct view *view)
{
	struct pool *pool = mediation->server->pool;
	struct outcome outcome;

	if (pool->shares_files)
		(void)pthread_mutex_lock(&pool->view);
	if (mediation_is_valid(mediation) && mediation_enter(mediation, view) == 0) {
		outcome = bind_in_view(mediation, address, view);
		mediation_leave(mediation, view);
	} else {
		outcome = mediation_deny(mediation, "rights_not_to_be_had");
	}
	if (pool->shares_files)
		(void)pthread_mutex_unlock(&pool->view);
	return outcome;
}

static struct outcome bind_path(struct mediation *mediation, const struct address *address)
{
	struct outcome outcome;
	struct view view;

	if (view_open(&mediation->worker->origin, mediation->directory, mediation->is_settled,
		      mediation->credentials.mask, address->name, &view) != 0)
		return mediation_deny_unreadable(mediation);
	outcome = bind_alone(mediation, address, &view);
	view_close(&view);
	return outcome;
}

static void remember_abstract(struct mediation *mediation, const struct address *address)
{
	struct worker *worker = mediation->worker;
	const struct holder holder = {.process = mediation->credentials.tgid,
				      .number = (int)(uint32_t)mediation->notif->data.args[0]};

	if (!bindings_add_abstract(&worker->bindings, address->name, address->name_length, mediation->socket, &holder))
		socket_event_unread(mediation, SOCKET_EVENT_BINDINGS);
	if (worker->commons)
		commons_add(worker->commons, mediation->socket, NULL, address->name, address->name_length);
}

static struct outcome bind_abstract(struct mediation *mediation, const struct address *address)
{
	const struct socket_name name = {.abstract = true, .bytes = address->name, .length = address->name_length};
	struct outcome outcome;

	if (!mediation_allows(mediation, OPERATION_BIND, &name, NULL))
		return mediation_fail(EACCES);
	if (!mediation_take(mediation, 0))
		return mediation_deny(mediation, "rights_not_to_be_had");
	if (!begin(mediation))
		return mediation_fail(EINTR);
	outcome = carry_out(mediation, address);
	if (outcome.error == 0)
		remember_abstract(mediation, address);
	return outcome;
}

/* The kernel has chosen an abstract name: the session's own from now on. */
static void remember_chosen(struct mediation *mediation)
{
	struct address chosen = {.length = sizeof(chosen.bytes) - 1};

	if (getsockname(mediation->socket, &chosen.any, &chosen.length) == 0 && address_parse(&chosen, 1) == 0 &&
	    chosen.kind == ADDRESS_ABSTRACT)
		remember_abstract(mediation, &chosen);
}

static struct outcome bind_plain(struct mediation *mediation, const struct address *address)
{
	struct outcome outcome;

	if (mediation_names_descriptor(mediation, address))
		return mediation_deny(mediation, "descriptor_in_address");
	if (!mediation_take(mediation, 0))
		return mediation_deny(mediation, "rights_not_to_be_had");
	if (!begin(mediation))
		return mediation_fail(EINTR);
	outcome = carry_out(mediation, address);
	if (outcome.error == 0 && address->kind == ADDRESS_UNNAMED)
		remember_chosen(mediation);
	return outcome;
}

/*
 * Where a worker died in the middle, the socket itself says whether it was done, and by what name: the
 * target's memory may have another by now. What it was bound to is remembered as far as it can be found.
 */
static bool is_done(struct mediation *mediation)
{
	struct address name;

	mediation->is_done =
	    mediation->is_resumed && !(mediation->slot->before & BEFORE_TIED) && is_bound(mediation, &name);
	if (!mediation->is_done)
		return false;
	if (!mediation->is_unix || address_parse(&name, true) != 0)
		return true;
	if (name.kind == ADDRESS_PATH)
		(void)bind_path(mediation, &name);
	else if (name.kind == ADDRESS_ABSTRACT)
		remember_abstract(mediation, &name);
	return true;
}

struct outcome mediated_bind(struct mediation *mediation)
{
	struct address address;
	struct outcome outcome;

	if (is_done(mediation))
		return mediation_result(0);
	if (!mediation_read_address(mediation, &address, &outcome))
		return outcome;
	if (address.kind == ADDRESS_PATH)
		return bind_path(mediation, &address);
	if (address.kind == ADDRESS_ABSTRACT)
		return bind_abstract(mediation, &address);
	return bind_plain(mediation, &address);
}
