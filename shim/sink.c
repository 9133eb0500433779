#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "nowait.h"

#define TAG             "agentsh-sidecar"
#define MESSAGE_HEAD    256U /* what syslog or journald has before the line, and more than enough */
#define DATAGRAM_MARGIN 32U  /* unix_dgram_sendmsg(): EMSGSIZE beyond sk_sndbuf - 32 */

static bool is_datagram(const struct sink *sink)
{
	return sink->kind != SINK_STREAM;
}

/* --- What the descriptor is --- */

static bool is_regular(int descriptor)
{
	struct stat status;

	return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

/* What the kernel says of the descriptor; of none, that it takes nothing. */
static void look_at(struct sink *sink)
{
	int flags = fcntl(sink->descriptor, F_GETFL);
	socklen_t size = sizeof(sink->address);
	int buffer = 0;

	sink->is_shared = flags >= 0 && !(flags & O_NONBLOCK) && !is_regular(sink->descriptor);
	sink->is_socket = false;
	sink->longest = SINK_PENDING_MAX;
	sink->address = (struct sockaddr_un){0};
	if (getsockopt(sink->descriptor, SOL_SOCKET, SO_SNDBUF, &buffer, &(socklen_t){sizeof(buffer)}) != 0)
		return;
	sink->is_socket = true;
	if (!is_datagram(sink))
		return;
	(void)getpeername(sink->descriptor, (struct sockaddr *)&sink->address, &size);
	if ((size_t)buffer < sink->longest + MESSAGE_HEAD + DATAGRAM_MARGIN)
		sink->longest = (size_t)buffer - MESSAGE_HEAD - DATAGRAM_MARGIN;
}

int sink_init(struct sink *sink, int descriptor, enum sink_kind kind, struct sink_store *store)
{
	*sink = (struct sink){.descriptor = descriptor, .kind = kind, .store = store, .owns_store = !store};
	if (!store)
		sink->store = calloc(1, sizeof(*sink->store));
	if (!sink->store)
		return -1;
	look_at(sink);
	return 0;
}

static bool same_file(int one, int other)
{
	struct stat a;
	struct stat b;

	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void close_descriptor(struct sink *sink)
{
	if (sink->descriptor >= 0)
		(void)close(sink->descriptor);
	sink->descriptor = -1;
}

void sink_replace(struct sink *sink, int descriptor, enum sink_kind kind)
{
	if (!same_file(sink->descriptor, descriptor))
		sink->store->torn = 0;
	close_descriptor(sink);
	sink->descriptor = descriptor;
	sink->kind = kind;
	look_at(sink);
}

void sink_close(struct sink *sink)
{
	close_descriptor(sink);
	if (sink->owns_store)
		free(sink->store);
	*sink = (struct sink){.descriptor = -1};
}

/* --- Writing, without waiting --- */

static ssize_t write_stream(const struct sink *sink, const char *bytes, size_t length)
{
	if (sink->is_socket)
		return send(sink->descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sink->is_shared)
		return nowait_write(sink->descriptor, bytes, length);
	return write(sink->descriptor, bytes, length);
}

static size_t message_head(const struct sink *sink, char head[MESSAGE_HEAD])
{
	int length;

	if (sink->kind == SINK_SYSLOG)
		length = snprintf(head, MESSAGE_HEAD, "<%d>" TAG "[%d]: ", LOG_AUTHPRIV | LOG_NOTICE, getpid());
	else
		length = snprintf(head, MESSAGE_HEAD,
				  "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=" TAG "\nMESSAGE=", LOG_NOTICE,
				  LOG_AUTHPRIV >> 3);
	return (size_t)length;
}

/* A datagram, without the newline for syslog, with it for journald, whose fields end so. */
static ssize_t send_line(const struct sink *sink, const char *line, size_t length)
{
	char head[MESSAGE_HEAD];
	struct iovec parts[2] = {
	    {.iov_base = head, .iov_len = message_head(sink, head)},
	    {.iov_base = (void *)(uintptr_t)line, .iov_len = sink->kind == SINK_SYSLOG ? length - 1 : length},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent = sendmsg(sink->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	/* The daemon has gone, or another has come in its place. */
	if (sent < 0 && (errno == ECONNREFUSED || errno == ENOTCONN || errno == EPIPE) &&
	    sink->address.sun_path[0] != '\0' &&
	    connect(sink->descriptor, (const struct sockaddr *)&sink->address, sizeof(sink->address)) == 0)
		sent = sendmsg(sink->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? sent : (ssize_t)length;
}

/* How much of the bytes is at the destination now; 0 where none is. */
static size_t put(struct sink *sink, const char *bytes, size_t length)
{
	ssize_t written;

	if (sink->descriptor < 0)
		return 0;
	do
		written = is_datagram(sink) ? send_line(sink, bytes, length) : write_stream(sink, bytes, length);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		atomic_store(&sink->error, errno);
	return written < 0 ? 0 : (size_t)written;
}

/* --- A write that was cut short --- */

static bool overwrite(int descriptor, off_t at, size_t length)
{
	char blank[4096];
	size_t done = 0;
	ssize_t written = 1;

	while (done < length && written > 0) {
		size_t piece = length - done < sizeof(blank) ? length - done : sizeof(blank);

		memset(blank, ' ', piece);
		if (done == 0 && length > 2) {
			blank[0] = '{';
			blank[1] = '}';
		}
		if (done + piece == length)
			blank[piece - 1] = '\n';
		written = pwrite(descriptor, blank, piece, at + (off_t)done);
		if (written > 0)
			done += (size_t)written;
	}
	return done == length;
}

bool sink_blank(const struct sink *sink, off_t at, size_t length)
{
	const int own = O_APPEND | O_NONBLOCK; /* as sink_open() has it: nobody else moves the offset */
	int flags = fcntl(sink->descriptor, F_GETFL);
	bool done;

	if (flags < 0 || (flags & own) != own || at < 0 || !is_regular(sink->descriptor))
		return false;
	/* pwrite(2) appends, wherever it is told to write, while O_APPEND is set (BUGS there). */
	if (fcntl(sink->descriptor, F_SETFL, flags & ~O_APPEND) != 0)
		return false;
	done = overwrite(sink->descriptor, at, length);
	(void)fcntl(sink->descriptor, F_SETFL, flags);
	return done;
}

/*
 * Makes a line of its own of the bytes that the last write has left in a regular file. They are ours,
 * wherever others have appended since; the room they take is there already on a full disk.
 */
static bool take_back(const struct sink *sink, size_t written)
{
	return sink_blank(sink, lseek(sink->descriptor, 0, SEEK_CUR) - (off_t)written, written);
}

/*
 * Writes what is missing of a line of which *torn bytes are there already. True: all of it is. False:
 * *torn is what is there now.
 */
static bool put_line(struct sink *sink, const char *line, size_t length, size_t *torn)
{
	for (;;) {
		size_t written = put(sink, line + *torn, length - *torn);

		if (written == length - *torn) {
			*torn = 0;
			return true;
		}
		if (written == 0)
			return false;
		if (*torn == 0 && take_back(sink, written))
			return false;
		*torn += written;
	}
}

/* --- Lines that wait --- */

/* Both ends change at once: whoever takes the store over finds whole lines between them. */
static void set_range(struct sink_store *store, size_t begin, size_t end)
{
	atomic_store(&store->range, begin == end ? 0 : (uint64_t)begin << 32 | end);
}

static size_t begin_of(const struct sink_store *store)
{
	return (size_t)(atomic_load(&store->range) >> 32);
}

static size_t end_of(const struct sink_store *store)
{
	return (size_t)(uint32_t)atomic_load(&store->range);
}

size_t sink_pending(const struct sink *sink)
{
	return sink->store ? end_of(sink->store) - begin_of(sink->store) : 0;
}

int sink_trouble(const struct sink *sink)
{
	const int error = sink_pending(sink) > 0 ? atomic_load(&sink->error) : 0;

	return error == EAGAIN ? 0 : error;
}

/* Room at the end, by moving what is pending to the front, where it does not lie over itself. */
static bool make_room(struct sink_store *store, size_t length)
{
	size_t begin = begin_of(store);
	size_t pending = end_of(store) - begin;

	if (length <= SINK_PENDING_MAX - end_of(store))
		return true;
	if (begin < pending || length > SINK_PENDING_MAX - pending)
		return false;
	memcpy(store->bytes, store->bytes + begin, pending);
	set_range(store, 0, pending);
	return true;
}

static enum sink_result keep(struct sink *sink, const char *line, size_t length, uint64_t seq)
{
	struct sink_store *store = sink->store;

	if (length <= sink->longest && make_room(store, length)) {
		memcpy(store->bytes + end_of(store), line, length);
		set_range(store, begin_of(store), end_of(store) + length);
		return SINK_KEPT;
	}
	if (store->loss.count++ == 0)
		store->loss.first_seq = seq;
	store->loss.last_seq = seq;
	return SINK_LOST;
}

bool sink_flush(struct sink *sink)
{
	struct sink_store *store = sink->store;

	while (sink_pending(sink) > 0) {
		const char *line = store->bytes + begin_of(store);
		const char *newline = memchr(line, '\n', sink_pending(sink));
		size_t length = newline ? (size_t)(newline - line) + 1 : sink_pending(sink);

		if (!put_line(sink, line, length, &store->torn))
			return false;
		set_range(store, begin_of(store) + length, end_of(store));
	}
	return true;
}

enum sink_result sink_write(struct sink *sink, const char *line, size_t length, uint64_t seq)
{
	if (sink_flush(sink) && length <= sink->longest && put_line(sink, line, length, &sink->store->torn))
		return SINK_WRITTEN;
	return keep(sink, line, length, seq);
}

bool sink_has_loss(const struct sink *sink, struct sink_loss *loss)
{
	if (sink->store->loss.count == 0 || sink_pending(sink) > 0)
		return false;
	*loss = sink->store->loss;
	return true;
}
