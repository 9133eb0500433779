#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "probe_child.h"

/* What a bystander says of itself, once. */
struct introduction {
	pid_t pid;
	int descriptor;
	int error; /* 0, or why there is none */
};

struct life {
	unsigned generations;
	uint64_t *mark;
	int (*prepare)(void);
	int hold; /* to read: its end is ours */
	int out;  /* for the introduction */
};

static _Noreturn void introduce(const struct life *life, int error)
{
	struct introduction introduction = {.pid = getpid(), .descriptor = -1, .error = error};
	char byte;

	if (error == 0 && life->prepare) {
		introduction.descriptor = life->prepare();
		introduction.error = introduction.descriptor < 0 ? errno : 0;
	}
	*life->mark = BYSTANDER_MARK;
	if (write(life->out, &introduction, sizeof(introduction)) != (ssize_t)sizeof(introduction))
		_exit(1);
	close(life->out);
	while (read(life->hold, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static _Noreturn void live(const struct life *life)
{
	for (unsigned left = life->generations; left > 0; left--) {
		pid_t child;

		/* Whoever started us may be killed: the end of the hold says so too, but not to one that hangs. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (left == 1)
			break;
		child = fork();
		if (child == 0)
			continue;
		if (child < 0)
			introduce(life, errno);
		close(life->out);
		(void)probe_wait(child);
		_exit(0);
	}
	introduce(life, 0);
}

static int meet(struct bystander *bystander, int in, struct probe_result *result)
{
	struct introduction introduction = {.error = ECHILD};
	ssize_t length = read(in, &introduction, sizeof(introduction));

	if (length != (ssize_t)sizeof(introduction) || introduction.error != 0) {
		probe_failed(result, "fork", introduction.error);
		bystander_end(bystander);
		return -1;
	}
	bystander->pid = introduction.pid;
	bystander->descriptor = introduction.descriptor;
	return 0;
}

static int start(struct bystander *bystander, struct life *life, const int hold[2], const int out[2],
		 struct probe_result *result)
{
	life->hold = hold[0];
	life->out = out[1];
	bystander->hold = hold[1];
	bystander->child = fork();
	if (bystander->child == 0) {
		close(hold[1]);
		close(out[0]);
		live(life);
	}
	if (bystander->child < 0)
		probe_failed(result, "fork", errno);
	close(hold[0]);
	close(out[1]);
	if (bystander->child > 0)
		return meet(bystander, out[0], result);
	close(hold[1]);
	return -1;
}

int bystander_start(struct bystander *bystander, unsigned generations, uint64_t *mark, int (*prepare)(void),
		    struct probe_result *result)
{
	struct life life = {.generations = generations, .mark = mark, .prepare = prepare};
	int hold[2];
	int out[2];
	int status;

	if (pipe2(hold, O_CLOEXEC) != 0) {
		probe_failed(result, "pipe", errno);
		return -1;
	}
	if (pipe2(out, O_CLOEXEC) != 0) {
		probe_failed(result, "pipe", errno);
		close(hold[0]);
		close(hold[1]);
		return -1;
	}
	status = start(bystander, &life, hold, out, result);
	close(out[0]);
	return status;
}

void bystander_end(const struct bystander *bystander)
{
	close(bystander->hold);
	(void)probe_wait(bystander->child);
}
