/*
 * denied_call main|thread COMM CALL: names the calling thread COMM (each \xNN a byte) and makes a
 * call of the default block list that does no harm where nothing blocks it, or foreign ones as in
 * raw_call. Then prints "PID TID UID ERRNO", the numbers as /proc has them: those of the pid namespace
 * that it was mounted in.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct caller {
	const char *comm;
	const char *call;
};

static void unescape(const char *text, char out[16])
{
	size_t length = 0;

	while (*text && length < 15) {
		if (text[0] == '\\' && text[1] == 'x' && text[2] && text[3]) {
			const char digits[] = {text[2], text[3], '\0'};

			out[length++] = (char)strtol(digits, NULL, 16);
			text += 4;
		} else {
			out[length++] = *text++;
		}
	}
	out[length] = '\0';
}

static long make(const char *name)
{
	if (strcmp(name, "ptrace") == 0)
		return syscall(SYS_ptrace, -1, 0, 0, 0);
	if (strcmp(name, "personality") == 0)
		return syscall(SYS_personality, 0xffffffff);
	errno = ENOSYS;
	return -1;
}

static void *call(void *argument)
{
	const struct caller *caller = argument;
	char self[64] = "";
	char comm[16];
	int pid = 0;
	int tid = 0;
	int error;

	unescape(caller->comm, comm);
	if (prctl(PR_SET_NAME, comm) != 0 || readlink("/proc/thread-self", self, sizeof(self) - 1) < 0 ||
	    sscanf(self, "%d/task/%d", &pid, &tid) != 2)
		exit(2);
	error = make(caller->call) < 0 ? errno : 0;
	(void)printf("%d %d %d %d\n", pid, tid, (int)geteuid(), error);
	exit(0);
}

int main(int argc, char **argv)
{
	struct caller caller;
	pthread_t thread;

	if (argc != 4)
		return 2;
	caller = (struct caller){argv[2], argv[3]};
	if (strcmp(argv[1], "thread") != 0)
		(void)call(&caller);
	if (pthread_create(&thread, NULL, call, &caller) != 0)
		return 2;
	for (;;)
		(void)pause();
}
