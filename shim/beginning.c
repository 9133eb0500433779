#include "beginning.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"
#include "conversation.h"
#include "credentials.h"
#include "event.h"
#include "tracee.h"

/*
 * Those permitted to the loader, and so to the session: none of a set-user-ID program that it has become. A runtime
 * names a process, of whatever user.
 */
static uint64_t capabilities_of(int directory, bool is_anybodys, uid_t uid)
{
	struct credentials credentials;
	uint64_t permitted = 0;

	if (directory < 0 || credentials_read(directory, &credentials) != 0)
		return 0;
	if (is_anybodys || credentials_are_of(&credentials, uid))
		permitted = credentials.permitted;
	credentials_free(&credentials);
	return permitted;
}

static void describe_process(pid_t pid, bool is_anybodys, struct area_session *session)
{
	struct tracee tracee;
	char path[32];
	int directory;

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	session->process_began = tracee_describe(directory, &tracee);
	session->capabilities = capabilities_of(directory, is_anybodys, session->uid);
	if (directory >= 0)
		close(directory);
	if (tracee.has_comm)
		memcpy(session->comm, tracee.comm, tracee.comm_length);
	if (tracee.has_exe && tracee.exe_length < sizeof(session->exe))
		memcpy(session->exe, tracee.exe, tracee.exe_length);
}

static void describe(const struct conversation *conversation, struct area_session *session)
{
	*session = (struct area_session){.uid = conversation->peer.uid, .pid = conversation->peer.pid};
	memcpy(session->id, conversation->hello.session, sizeof(session->id));
	memcpy(session->loader, conversation->hello.loader, sizeof(session->loader));
	memcpy(session->lengths, conversation->hello.lengths, sizeof(session->lengths));
	memcpy(&session->command_whole, conversation->hello.command_whole, sizeof(conversation->hello.command_whole));
	if (session->pid > 0)
		describe_process(session->pid, conversation->is_runtime, session);
}

/* The root in which the session begins; ours, where the loader's is not to be had: nothing of it can be read then. */
static int open_root(pid_t pid)
{
	char path[32];
	int root = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", pid);
	if (pid > 0)
		root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root >= 0 ? root : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The user namespace of a container, where it is another than ours and is to be had; else -1. */
static int open_user_namespace(pid_t pid)
{
	char path[32];
	struct stat theirs;
	struct stat ours;
	int namespace;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	namespace = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (namespace < 0)
		return -1;
	if (fstat(namespace, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
	    (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino))
		return namespace;
	close(namespace);
	return -1;
}

int beginning_make(struct conversation *conversation)
{
	struct beginning *beginning = &conversation->beginning;
	struct area_session session;

	if (beginning->area >= 0)
		return 0;
	describe(conversation, &session);
	*beginning = (struct beginning){.area = area_create(&session, conversation->texts, NULL),
					.root = open_root(conversation->peer.pid),
					.user = -1};
	if (conversation->is_runtime)
		beginning->user = open_user_namespace(conversation->peer.pid);
	beginning->capabilities = session.capabilities;
	if (beginning->area >= 0 && beginning->root >= 0)
		return 0;
	beginning_end(beginning);
	return -1;
}

int beginning_complete(const struct beginning *beginning, uint32_t flags)
{
	return area_start(beginning->area, flags, event_now_us());
}

void beginning_end(struct beginning *beginning)
{
	if (beginning->area >= 0)
		close(beginning->area);
	if (beginning->root >= 0)
		close(beginning->root);
	if (beginning->user >= 0)
		close(beginning->user);
	*beginning = (struct beginning){.area = -1, .root = -1, .user = -1};
}
