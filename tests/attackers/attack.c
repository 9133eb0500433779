/*
 * attack NAME D: one way to reach what is denied; AGENTSH_TRIES times, or until it has. Prints how
 * often it was tried and how often a call succeeded. Exit 0; 77: it cannot be tried here.
 */
#include "attack.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	attack *attack;
} attacks[] = {
    {"flip-thread", flip_thread},
    {"flip-process", flip_process},
    {"flip-family", flip_family},
    {"flip-abstract", flip_abstract},
    {"flip-seqpacket", flip_seqpacket},
    {"flip-dgram", flip_dgram},
    {"flip-sendto", flip_sendto},
    {"flip-sendto-abstract", flip_sendto_abstract},
    {"flip-sendmsg", flip_sendmsg},
    {"flip-sendmmsg", flip_sendmmsg},
    {"flip-pair", flip_pair},
    {"flip-dissolved", flip_dissolved},
    {"flip-high", flip_high},
    {"flip-files", flip_files},
    {"forged-credentials", forged_credentials},
    {"dup-swap", dup_swap},
    {"dup-flip", dup_flip},
    {"late-thread", late_thread},
    {"ring", ring},
    {"symlink-swap", symlink_swap},
    {"directory-swap", directory_swap},
    {"proc-paths", proc_paths},
    {"linked", linked},
    {"namespace-mount", namespace_mount},
    {"namespace-directory", namespace_directory},
    {"namespace-root", namespace_root},
    {"namespace-symlink", namespace_symlink},
    {"chroot-link", chroot_link},
    {"userfault-flip", userfault_flip},
    {"fuse-link", fuse_link},
    {"rebound-stream", rebound_stream},
    {"rebound-dgram", rebound_dgram},
    {"stall-backlog", stall_backlog},
    {"stall-userfault", stall_userfault},
    {"flood-descriptors", flood_descriptors},
    {"flood-pieces", flood_pieces},
    {"flood-messages", flood_messages},
    {"neighbour", neighbour},
};

int main(int argc, char **argv)
{
	const char *tries = getenv("AGENTSH_TRIES");
	struct stage stage = {.tries = tries ? strtol(tries, NULL, 10) : 100000};

	if (argc != 3)
		errx(2, "usage: attack NAME DIRECTORY");
	stage.directory = argv[2];
	stage.tally = attack_tally(argv[2], false);
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		if (strcmp(attacks[i].name, argv[1]) != 0)
			continue;
		attacks[i].attack(&stage);
		printf("%s: %ld tries%s, %ld calls succeeded%s%s\n", argv[1], stage.done, stage.stalls ? " (slow)" : "",
		       stage.answers, stage.error ? "; last: " : "", stage.error ? strerrordesc_np(stage.error) : "");
		return 0;
	}
	errx(2, "%s: no such attack", argv[1]);
}
