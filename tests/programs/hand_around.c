/*
 * What it costs that a sidecar is three roles, each a process, and does nothing in any of them: it answers ask_twice,
 * and hands each listener around as agentsh-sidecar(8) does. Nothing is judged, read of a process or kept.
 *
 *   hand_around SOCKET FILE    FILE is appended to, a line at a session's beginning and one at its end
 *
 *   loader  ->  broker              its first question: answered, once a descriptor of the loader's has been taken
 *   loader  ->  broker -> keeper    the second: the listener has been taken, the keeper has it, and answers
 *               keeper -> worker    who writes that it has begun, and that it is over
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define WORKERS     16
#define DESCRIPTORS 3 /* the listener, the loader's process, and its socket */
#define QUESTION    200
#define START_LINE  550 /* bytes, about */
#define END_LINE    300
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

union control {
	char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	struct cmsghdr header;
};

static void give(int socket, const int *descriptors, size_t count)
{
	char byte = 's';
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	union control control = {.bytes = {0}};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(rights), descriptors, count * sizeof(int));
	if (sendmsg(socket, &message, MSG_NOSIGNAL) != 1)
		err(1, "sendmsg");
}

/* Whoever is at the other end has gone, and so do we. */
static void take(int socket, int *descriptors, size_t count)
{
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	union control control;
	struct msghdr message = {
	    .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		_exit(0);
	memcpy(descriptors, CMSG_DATA(CMSG_FIRSTHDR(&message)), count * sizeof(int));
}

static void put_line(int file, size_t length)
{
	char line[START_LINE];

	memset(line, '-', length - 1);
	line[length - 1] = '\n';
	if (write(file, line, length) != (ssize_t)length)
		err(1, "write");
}

static _Noreturn void work(int keeper, int file)
{
	int session[2];

	for (;;) {
		struct pollfd ready[] = {{.events = POLLIN}, {.events = POLLIN}};

		take(keeper, session, 2);
		put_line(file, START_LINE);
		ready[0].fd = session[0];
		ready[1].fd = session[1];
		while (!(ready[0].revents & POLLHUP) && poll(ready, 2, -1) > 0)
			if (ready[1].revents)
				ready[1].fd = -1;
		put_line(file, END_LINE);
		close(session[0]);
		close(session[1]);
		if (write(keeper, "", 1) != 1)
			_exit(0);
	}
}

static void begin_session(int broker, int worker)
{
	int came[DESCRIPTORS];

	take(broker, came, DESCRIPTORS);
	(void)send(came[2], "accepted", 8, MSG_NOSIGNAL);
	give(worker, came, 2);
	for (size_t i = 0; i < DESCRIPTORS; i++)
		close(came[i]);
	(void)send(broker, "kept", 4, MSG_NOSIGNAL);
}

static _Noreturn void keep(int broker, const int *workers)
{
	struct pollfd ready[WORKERS + 1];
	int rested[WORKERS];
	size_t count = WORKERS;

	for (int i = 0; i < WORKERS; i++) {
		ready[i] = (struct pollfd){.fd = workers[i], .events = POLLIN};
		rested[i] = i;
	}
	ready[WORKERS] = (struct pollfd){.events = POLLIN};
	for (;;) {
		char word;

		ready[WORKERS].fd = count > 0 ? broker : -1;
		if (poll(ready, WORKERS + 1, -1) < 0)
			err(1, "poll");
		if (ready[WORKERS].revents)
			begin_session(broker, workers[rested[--count]]);
		for (int i = 0; i < WORKERS; i++) {
			if (!ready[i].revents)
				continue;
			if (read(workers[i], &word, 1) != 1)
				_exit(1);
			rested[count++] = i;
			(void)send(broker, "over", 4, MSG_NOSIGNAL);
		}
	}
}

/* One loader's questions, each the number of a descriptor of its own. */
static void answer(int loader, int keeper)
{
	char question[QUESTION];
	socklen_t size = sizeof(int);
	int process = -1;
	int number;

	(void)getsockopt(loader, SOL_SOCKET, SO_PEERPIDFD, &process, &size);
	for (int asked = 0; recv(loader, question, sizeof(question), 0) > 0; asked++) {
		int taken;

		memcpy(&number, question, sizeof(number));
		taken = (int)syscall(SYS_pidfd_getfd, process, number, 0);
		if (asked == 0)
			(void)send(loader, "welcome!", 8, MSG_NOSIGNAL);
		else
			give(keeper, (const int[]){taken, process, loader}, DESCRIPTORS);
		close(taken);
	}
	close(process);
	close(loader);
}

static _Noreturn void broke(const char *path, int keeper)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char words[64];

	(void)strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	(void)unlink(path);
	if (listening < 0 || bind(listening, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listening, 16) != 0)
		err(1, "%s", path);
	for (;;) {
		struct pollfd ready[] = {{.fd = keeper, .events = POLLIN}, {.fd = listening, .events = POLLIN}};

		if (poll(ready, 2, -1) < 0 || (ready[0].revents && recv(keeper, words, sizeof(words), 0) <= 0))
			_exit(1);
		if (ready[1].revents)
			answer(accept4(listening, NULL, NULL, SOCK_CLOEXEC), keeper);
	}
}

/* A child that ends with us: 0 there, with its end of a pair. */
static pid_t make_role(int *ours, int *its)
{
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 || (child = fork()) < 0)
		err(1, "fork");
	if (child == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(ends[child == 0 ? 0 : 1]);
	*ours = ends[0];
	*its = ends[1];
	return child;
}

int main(int argc, char **argv)
{
	int file = argc == 3 ? open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	int workers[WORKERS];
	int broker;
	int its;

	if (file < 0)
		errx(2, "usage: hand_around SOCKET FILE");
	for (size_t i = 0; i < WORKERS; i++)
		if (make_role(&workers[i], &its) == 0)
			work(its, file);
	if (make_role(&broker, &its) == 0)
		broke(argv[1], its);
	keep(broker, workers);
}
