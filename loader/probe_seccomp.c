#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe_child.h"

/* The call that a probe's filter answers: an option that prctl(2) does not have. */
#define RESERVED_OPTION 0x61677368
#define ANSWER          4242 /* what no kernel returns for it */

#define LOW_WORD (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)

/* Newer than the headers: Linux 6.6. */
#define NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#define FD_SYNC_WAKE_UP 1UL

/* A kernel with longer structures than these headers' reads and writes them in full. */
union request {
	struct seccomp_notif notification;
	char room[1024];
};
union response {
	struct seccomp_notif_resp answer;
	char room[1024];
};

enum reply { REPLY_VALUE, REPLY_DESCRIPTOR, REPLY_CONTINUE };

/* What an exchange of a call and its answer is about. */
struct subject {
	unsigned long flags; /* of seccomp(2), beside NEW_LISTENER */
	enum reply reply;
};

int probe_load_filter(uint32_t action, unsigned long flags)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + LOW_WORD),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RESERVED_OPTION, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, action),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void no_new_privs(const void *context, struct probe_result *result)
{
	(void)context;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		probe_no(result, "prctl", errno);
	else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		probe_no(result, "prctl", ENOSYS);
	else
		probe_yes(result, 0);
}

static void filter(const void *context, struct probe_result *result)
{
	(void)context;
	if (probe_load_filter(SECCOMP_RET_ERRNO | EXDEV, 0) != 0)
		probe_no(result, "seccomp", errno);
	else if (prctl(RESERVED_OPTION, 0, 0, 0, 0) != -1 || errno != EXDEV)
		probe_no(result, "the filter has no effect", ENOSYS);
	else
		probe_yes(result, 0);
}

static void action(const void *context, struct probe_result *result)
{
	const uint32_t *wanted = context;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, wanted) == 0)
		probe_yes(result, 0);
	else
		probe_no(result, "seccomp", errno);
}

/* The target's side: makes the call. Was it answered as it should be? */
static bool is_right(enum reply reply)
{
	int value = prctl(RESERVED_OPTION, 0, 0, 0, 0);

	switch (reply) {
	case REPLY_DESCRIPTOR:
		return value >= 0 && fcntl(value, F_GETFD) == FD_CLOEXEC;
	case REPLY_CONTINUE:
		return value == -1 && errno == EINVAL;
	case REPLY_VALUE:
	default:
		return value == ANSWER;
	}
}

static _Noreturn void be_target(int listener, enum reply reply)
{
	/* Without it here, the end of the other process is an answer: ENOSYS. */
	close(listener);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(is_right(reply) ? 0 : 1);
}

/* A descriptor of ours into the target: its number there; -1 and errno. */
static int give_descriptor(int listener, uint64_t id)
{
	int descriptor = eventfd(0, EFD_CLOEXEC);
	struct seccomp_notif_addfd addfd = {.id = id, .srcfd = (uint32_t)descriptor, .newfd_flags = O_CLOEXEC};
	int number;
	int error;

	if (descriptor < 0)
		return -1;
	number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd);
	error = errno;
	close(descriptor);
	errno = error;
	return number;
}

/* Receives one call and answers it. 0, or -1 and *result. */
static int serve(int listener, enum reply reply, struct probe_result *result)
{
	union request request = {.room = {0}};
	union response response = {.room = {0}};
	int value = ANSWER;

	while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
		if (errno != EINTR && errno != ENOENT) {
			probe_no(result, "SECCOMP_IOCTL_NOTIF_RECV", errno);
			return -1;
		}
		memset(&request, 0, sizeof(request));
	}
	if (reply == REPLY_DESCRIPTOR)
		value = give_descriptor(listener, request.notification.id);
	if (value < 0) {
		probe_no(result, "SECCOMP_IOCTL_NOTIF_ADDFD", errno);
		return -1;
	}
	response.answer.id = request.notification.id;
	if (reply == REPLY_CONTINUE)
		response.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		response.answer.val = value;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0)
		return 0;
	probe_no(result, "SECCOMP_IOCTL_NOTIF_SEND", errno);
	return -1;
}

/* A target makes the call, and we answer it through the listener. */
static void exchange(const void *context, struct probe_result *result)
{
	const struct subject *subject = context;
	int listener = probe_load_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER | subject->flags);
	int served = -1;
	pid_t target;

	if (listener < 0) {
		probe_no(result, "seccomp", errno);
		return;
	}
	target = fork();
	if (target == 0)
		be_target(listener, subject->reply);
	if (target < 0)
		probe_failed(result, "fork", errno);
	else
		served = serve(listener, subject->reply, result);
	close(listener);
	if (target > 0 && probe_wait(target) != 0 && served == 0)
		probe_no(result, "the answer did not arrive", EPROTO);
	else if (served == 0)
		probe_yes(result, 0);
}

static void sync_wake_up(const void *context, struct probe_result *result)
{
	int descriptor = probe_load_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	(void)context;
	if (descriptor < 0) {
		probe_no(result, "seccomp", errno);
		return;
	}
	if (ioctl(descriptor, NOTIF_SET_FLAGS, FD_SYNC_WAKE_UP) == 0)
		probe_yes(result, 0);
	else
		probe_no(result, "SECCOMP_IOCTL_NOTIF_SET_FLAGS", errno);
	close(descriptor);
}

static void other_listener(const void *context, struct probe_result *result)
{
	int descriptor = probe_load_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	(void)context;
	if (descriptor >= 0) {
		close(descriptor);
		probe_yes(result, 0);
	} else if (errno == EBUSY) {
		probe_yes(result, 1);
	} else {
		probe_no(result, "seccomp", errno);
	}
}

struct probe_result probe_no_new_privs(void)
{
	return probe_run(no_new_privs, NULL);
}

struct probe_result probe_filter(void)
{
	return probe_run(filter, NULL);
}

struct probe_result probe_action_kill_process(void)
{
	const uint32_t wanted = SECCOMP_RET_KILL_PROCESS;

	return probe_run(action, &wanted);
}

struct probe_result probe_action_errno(void)
{
	const uint32_t wanted = SECCOMP_RET_ERRNO;

	return probe_run(action, &wanted);
}

struct probe_result probe_action_user_notif(void)
{
	const uint32_t wanted = SECCOMP_RET_USER_NOTIF;

	return probe_run(action, &wanted);
}

struct probe_result probe_action_log(void)
{
	const uint32_t wanted = SECCOMP_RET_LOG;

	return probe_run(action, &wanted);
}

struct probe_result probe_listener(void)
{
	const struct subject subject = {.reply = REPLY_VALUE};

	return probe_run(exchange, &subject);
}

struct probe_result probe_wait_killable(void)
{
	const struct subject subject = {.flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};

	return probe_run(exchange, &subject);
}

struct probe_result probe_addfd(void)
{
	const struct subject subject = {.reply = REPLY_DESCRIPTOR};

	return probe_run(exchange, &subject);
}

struct probe_result probe_continue(void)
{
	const struct subject subject = {.reply = REPLY_CONTINUE};

	return probe_run(exchange, &subject);
}

struct probe_result probe_sync_wake_up(void)
{
	return probe_run(sync_wake_up, NULL);
}

struct probe_result probe_other_listener(void)
{
	return probe_run(other_listener, NULL);
}
