/*
 * blocked_calls [-e EVENTS] DIRECTORY COUNT: COUNT processes, each of which makes one call that a policy
 * blocks and that would leave a mark there: mkdirat, symlinkat, or ftruncate of an open file. By
 * turns from a process of one thread, from the leader of two, and from the other thread.
 *
 * Prints a line for each: "TID HOW MISSED". HOW: what wait gave, "signal N" or "status N"; the status is the
 * call's errno, 0 where it worked. MISSED: 1 where EVENTS had no event of that thread when wait
 * returned, else 0 (always, without -e).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHAPES 3U /* alone, leader, second */
#define MARKS  3U

struct plan {
	unsigned number;
	int file;
	_Atomic pid_t *tid; /* shared with the parent: who calls */
};

static int leave_mark(const struct plan *plan)
{
	char name[32];
	long result;

	(void)snprintf(name, sizeof(name), "mark-%u", plan->number);
	switch (plan->number / SHAPES % MARKS) {
	case 0:
		result = syscall(SYS_mkdirat, AT_FDCWD, name, 0777);
		break;
	case 1:
		result = syscall(SYS_symlinkat, "nowhere", AT_FDCWD, name);
		break;
	default:
		result = syscall(SYS_ftruncate, plan->file, (long)plan->number);
		break;
	}
	return result == 0 ? 0 : errno;
}

static void *call_and_exit(void *argument)
{
	const struct plan *plan = argument;

	*plan->tid = (pid_t)syscall(SYS_gettid);
	_exit(leave_mark(plan));
}

static void *wait_for_ever(void *none)
{
	for (;;)
		(void)pause();
	return none;
}

static void child(struct plan *plan)
{
	unsigned shape = plan->number % SHAPES;
	pthread_t other;

	if (shape == 1 && pthread_create(&other, NULL, wait_for_ever, NULL) != 0)
		abort();
	if (shape == 2 && pthread_create(&other, NULL, call_and_exit, plan) != 0)
		abort();
	(void)(shape == 2 ? wait_for_ever(NULL) : call_and_exit(plan));
}

/* Does what was added to the file since *offset have an event of the thread? */
static bool has_event(int events, off_t *offset, pid_t tid)
{
	static char text[65536];
	char wanted[32];
	ssize_t length = pread(events, text, sizeof(text) - 1, *offset);

	if (length <= 0)
		return false;
	text[length] = '\0';
	*offset += length;
	(void)snprintf(wanted, sizeof(wanted), "\"tid\":%d,", tid);
	return strstr(text, wanted) != NULL;
}

int main(int argc, char **argv)
{
	_Atomic pid_t *tid = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool looks = argc == 5 && strcmp(argv[1], "-e") == 0;
	int events = looks ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
	off_t offset = looks ? lseek(events, 0, SEEK_END) : 0;
	unsigned count = (unsigned)strtoul(argv[argc - 1], NULL, 10);
	struct plan plan = {.tid = tid};

	if ((argc != 3 && !looks) || tid == MAP_FAILED || chdir(argv[argc - 2]) != 0 || (looks && events < 0))
		return 2;
	plan.file = open("file", O_RDWR | O_CLOEXEC);
	for (plan.number = 0; plan.number < count; plan.number++) {
		pid_t pid;
		int status;

		*tid = 0;
		pid = fork();
		if (pid == 0)
			child(&plan);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 2;
		(void)printf("%d %s %d %d\n", *tid, WIFSIGNALED(status) ? "signal" : "status",
			     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			     looks && !has_event(events, &offset, *tid));
	}
	return 0;
}
