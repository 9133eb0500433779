/*
 * signal_sends COUNT STREAM DATAGRAM: binds sockets of its own there, and then COUNT times, and until 100 signals have
 * come, one every 3 ms, with SA_RESTART: sends a numbered message to DATAGRAM, reads what has arrived, and connects to
 * STREAM. Prints "SIGNALS REPEATED LOST FAILED": messages that arrived twice, or not, and calls that answered an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void handle(int signal)
{
	(void)signal;
	handled++;
}

static int bound(int type, const char *path, struct sockaddr_un *address)
{
	int number = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		exit(2);
	memcpy(address->sun_path, path, strlen(path) + 1);
	if (number < 0 || bind(number, (struct sockaddr *)address, sizeof(*address)) != 0)
		exit(2);
	return number;
}

static int storm(long microseconds)
{
	const struct itimerval each = {{0, microseconds}, {0, microseconds}};

	return setitimer(ITIMER_REAL, &each, NULL);
}

/* How often the message has arrived. */
static int arrivals(int receiver, long number)
{
	int count = 0;
	long came;

	while (recv(receiver, &came, sizeof(came), MSG_DONTWAIT) == (ssize_t)sizeof(came))
		count += came == number;
	return count;
}

static int sends(int sender, struct sockaddr_un *address, long number)
{
	struct iovec part = {.iov_base = &number, .iov_len = sizeof(number)};
	struct msghdr message = {
	    .msg_name = address, .msg_namelen = sizeof(*address), .msg_iov = &part, .msg_iovlen = 1};

	return sendmsg(sender, &message, 0) == (ssize_t)sizeof(number) ? 0 : 1;
}

static int connects(int listening, const struct sockaddr_un *address)
{
	int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int failed = connect(number, (const struct sockaddr *)address, sizeof(*address)) != 0;

	(void)close(number);
	/* Whatever is there, of this connection or of one that was made twice. */
	while ((number = accept(listening, NULL, NULL)) >= 0)
		(void)close(number);
	return failed;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
	long count = argc == 4 ? strtol(argv[1], NULL, 10) : 0;
	struct sockaddr_un stream;
	struct sockaddr_un datagram;
	long repeated = 0;
	long lost = 0;
	long failed = 0;
	int listening;
	int receiver;
	int sender;

	if (count <= 0)
		return 2;
	listening = bound(SOCK_STREAM, argv[2], &stream);
	receiver = bound(SOCK_DGRAM, argv[3], &datagram);
	sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (listen(listening, 8) != 0 || fcntl(listening, F_SETFL, O_NONBLOCK) != 0 ||
	    sigaction(SIGALRM, &action, NULL) != 0 || storm(3000) != 0)
		return 2;
	for (long number = 0; number < count || handled < 100; number++) {
		int arrived;

		failed += sends(sender, &datagram, number);
		arrived = arrivals(receiver, number);
		repeated += arrived > 1;
		lost += arrived < 1;
		failed += connects(listening, &stream);
	}
	(void)storm(0);
	(void)printf("%d %ld %ld %ld\n", (int)handled, repeated, lost, failed);
	return 0;
}
