/*
 * agentsh-sidecar: its options; the keeper, or the role that it was started for.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "confinement.h"
#include "conversation.h"
#include "descriptors.h"
#include "error.h"
#include "keeper.h"
#include "notify.h"
#include "role.h"
#include "sink.h"
#include "trail.h"

#define PROGRAM_NAME     "agentsh-sidecar"
#define DEFAULT_SOCKET   "/run/agentsh/sidecar.sock"
#define PRIVATE_SOCKET   3 /* the descriptors that --private speaks of */
#define PRIVATE_LIFELINE 4 /* where there is one */
#define FIRST_OWN        3
#define EXIT_USAGE       2
#define BACKLOG          1024
#define DESCRIPTORS      65536U /* as many as there may be, for many sessions */

static const char help[] =
    "Usage: agentsh-sidecar [--socket=PATH] [--events=FILE|-] [--oci-listener=PATH]\n"
    "Answers the notifications of agentsh-exec's sessions and writes their events.\n"
    "\n"
    "      --socket PATH   where loaders connect (default: " DEFAULT_SOCKET ")\n"
    "      --events FILE   where events go; -: standard error (default: " TRAIL_SYSTEM ")\n"
    "      --oci-listener PATH   where container runtimes connect (listenerPath); default: none\n"
    "  -h, --help          this text\n"
    "  -V, --version       the version\n"
    "\n"
    "SIGHUP opens the events' file anew, SIGTERM ends it and its sessions' calls with it.\n";

struct options {
	const char *socket;   /* NULL: the default */
	const char *events;   /* NULL: the default */
	const char *runtimes; /* NULL: none */
	bool is_private;
};

static int give_up(const struct error *err, int status)
{
	error_print(STDERR_FILENO, PROGRAM_NAME, err);
	return status;
}

static int usage(const char *problem)
{
	struct error err;

	(void)error_set(&err, "%s (see " PROGRAM_NAME " --help)", problem);
	return give_up(&err, EXIT_USAGE);
}

/* One that nobody listens at any more is in the way of bind(2), and is removed. */
static void remove_dead(const struct sockaddr_un *address, int type)
{
	int probe = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat status;

	if (probe < 0)
		return;
	if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) != 0 && errno == ECONNREFUSED &&
	    lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode))
		(void)unlink(address->sun_path);
	close(probe);
}

static int make_parent(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *slash;

	(void)snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	return mkdir(directory, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

/* A bound and listening socket. mask: who may not connect. */
static int listen_at(const char *path, int type, mode_t mask, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listening;
	int result;

	if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path))
		return error_set(err, "%s: no path for a socket (an absolute one of at most %zu bytes)", path,
				 sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (make_parent(path) != 0)
		return error_set(err, "%s: its directory cannot be made: %s", path, strerror(errno));
	remove_dead(&address, type);
	listening = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listening < 0)
		return error_set(err, "socket: %s", strerror(errno));
	mask = umask(mask);
	result = bind(listening, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (result == 0 && listen(listening, BACKLOG) == 0)
		return listening;
	(void)error_set(err, "%s: %s%s", path, strerror(errno),
			errno == EADDRINUSE ? " (another sidecar listens there, or a file is in the way)" : "");
	close(listening);
	return -1;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Nowhere to write: told before anything is served. */
static int try_events(const char *events, struct error *err)
{
	enum sink_kind kind;
	int descriptor = sink_open(events, &kind, err);

	if (descriptor < 0)
		return -1;
	close(descriptor);
	return 0;
}

/* A group of its own, named by the keeper's number, which is the one that a session's filter knows. */
static void lead_group(void)
{
	if (getpgrp() != getpid())
		(void)setpgid(0, 0);
}

static int run_private(const struct options *options)
{
	const struct keeper_options keeper = {
	    .is_private = true,
	    .socket = PRIVATE_SOCKET,
	    .runtimes = -1,
	    .events = options->events ? options->events : "-",
	    .lifeline = fcntl(PRIVATE_LIFELINE, F_SETFD, FD_CLOEXEC) == 0 ? PRIVATE_LIFELINE : -1};
	struct error err;

	if (fcntl(PRIVATE_SOCKET, F_SETFD, FD_CLOEXEC) != 0)
		return usage("--private: it is for agentsh-exec, which gives it a socket");
	lead_group();
	if (try_events(keeper.events, &err) == 0)
		return keeper_run(&keeper);
	conversation_say_refused(PRIVATE_SOCKET, err.text);
	return EXIT_FAILURE;
}

static void remove_sockets(const struct keeper_options *keeper)
{
	if (keeper->unlink_path)
		(void)unlink(keeper->unlink_path);
	if (keeper->runtimes_path)
		(void)unlink(keeper->runtimes_path);
}

/* Every user's loader may connect: who it is, the kernel says. Of runtimes, only our own user's. */
static int listen_to_all(const struct options *options, struct keeper_options *keeper, struct error *err)
{
	const char *path = options->socket ? options->socket : DEFAULT_SOCKET;

	if (keeper->socket < 0) {
		keeper->socket = listen_at(path, SOCK_SEQPACKET, 0111, err);
		keeper->unlink_path = keeper->socket < 0 ? NULL : path;
	}
	if (keeper->socket < 0 || !options->runtimes)
		return keeper->socket;
	keeper->runtimes = listen_at(options->runtimes, SOCK_STREAM, 0177, err);
	keeper->runtimes_path = keeper->runtimes < 0 ? NULL : options->runtimes;
	return keeper->runtimes;
}

static int run_system(const struct options *options)
{
	struct keeper_options keeper = {
	    .runtimes = -1, .events = options->events ? options->events : TRAIL_SYSTEM, .lifeline = -1};
	struct error err;

	raise_descriptors();
	keeper.given = notify_given();
	keeper.socket = notify_listening(keeper.given);
	/* What a caller has left open is nothing for the roles. */
	if (descriptors_close_from(NOTIFY_FIRST + keeper.given) != 0)
		return usage("it cannot close what it has inherited");
	if (!keeper_hold_signals())
		return usage("it cannot block signals");
	if (!options->events && trail_make_directory(keeper.events, &err) != 0)
		return give_up(&err, EXIT_FAILURE);
	lead_group();
	/* The place for events is tried with the rights that will be there when it is opened again. */
	if (listen_to_all(options, &keeper, &err) >= 0 && confinement_enter(CONFINED_KEEPER, -1, &err) == 0 &&
	    try_events(keeper.events, &err) == 0)
		return keeper_run(&keeper);
	remove_sockets(&keeper);
	return give_up(&err, EXIT_FAILURE);
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {{"socket", required_argument, NULL, 's'},
					      {"events", required_argument, NULL, 'e'},
					      {"oci-listener", required_argument, NULL, 'o'},
					      {"private", no_argument, NULL, 'p'},
					      {"help", no_argument, NULL, 'h'},
					      {"version", no_argument, NULL, 'V'},
					      {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "hV", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->socket = optarg;
			break;
		case 'e':
			options->events = optarg;
			break;
		case 'o':
			options->runtimes = optarg;
			break;
		case 'p':
			options->is_private = true;
			break;
		case 'h':
			return fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		case 'V':
			return puts(PROGRAM_NAME " " AGENTSH_VERSION) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS
												  : EXIT_FAILURE;
		default:
			return usage("no such option, or one without its value");
		}
	}
	return optind < argc ? usage("it takes no arguments") : -1;
}

int main(int argc, char **argv)
{
	struct options options = {.socket = NULL};
	int status;

	confinement_begin();
	if (argc > 1 && strcmp(argv[1], ROLE_WAITER) == 0)
		return worker_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], ROLE_BROKER) == 0)
		return broker_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], ROLE_INIT) == 0)
		return ancestor_main(argc, argv);
	status = parse(argc, argv, &options);
	if (status >= 0)
		return status;
	return options.is_private ? run_private(&options) : run_system(&options);
}
