/*
 * What a start costs that asks another process twice, as a loader asks a sidecar: before it loads its filter, and with
 * it.
 *
 *   ask_twice SOCKET                           answers at once, one client after the other, and does no more
 *   ask_twice SOCKET FILE COMMAND [ARGUMENT...]   asks, loads the program in FILE (agentshctl export), asks, and
 * executes
 */
#include <err.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define QUESTION 200 /* bytes: of a hand-over's first message, about */

static int answer_all(const struct sockaddr_un *address)
{
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char question[QUESTION];

	(void)unlink(address->sun_path);
	if (listening < 0 || bind(listening, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
	    listen(listening, 16) != 0)
		err(2, "%s", address->sun_path);
	for (;;) {
		int one = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

		while (one >= 0 && recv(one, question, sizeof(question), 0) > 0)
			(void)send(one, question, 8, MSG_NOSIGNAL);
		(void)close(one);
	}
}

/* number: of a descriptor of ours, which whoever answers may take (hand_around.c). */
static void ask(int socket, int number)
{
	char question[QUESTION] = {0};

	memcpy(question, &number, sizeof(number));
	if (send(socket, question, sizeof(question), MSG_NOSIGNAL) < 0 ||
	    recv(socket, question, sizeof(question), 0) != 8)
		err(125, "question");
}

int main(int argc, char **argv)
{
	static struct sock_filter code[BPF_MAXINSNS + 1];
	struct sock_fprog program = {.filter = code};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int other;
	int listener;
	int file;
	ssize_t length;

	if (argc < 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		errx(2, "usage: ask_twice SOCKET [FILE COMMAND...]");
	memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
	if (argc < 4)
		return answer_all(&address);
	file = open(argv[2], O_RDONLY | O_CLOEXEC);
	length = read(file, code, sizeof(code));
	other = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (length < 0 || connect(other, (const struct sockaddr *)&address, sizeof(address)) != 0)
		err(125, "%s", argv[1]);
	(void)close(file);
	ask(other, other);
	program.len = (unsigned short)((size_t)length / sizeof(code[0]));
	listener = -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		listener =
		    (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0)
		err(125, "filter");
	ask(other, listener);
	execvp(argv[3], argv + 3);
	err(127, "%s", argv[3]);
}
