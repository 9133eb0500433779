#include "attestation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "rules.h"

#define TRIES 8U
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_whole(const struct attestation_head *head)
{
	return head->magic == ATTESTATION_MAGIC && head->version == ATTESTATION_VERSION &&
	       head->policy_length <= POLICY_TEXT_MAX && head->session[sizeof(head->session) - 1] == '\0' &&
	       head->session[0] != '\0';
}

int attestation_refuse(struct error *err, const char *what)
{
	return error_set(
	    err, "session: the %s around this command is of another version (end the session and begin it anew)", what);
}

static int read_from(int memfd, struct attestation *attestation, struct error *err)
{
	struct attestation_head head;

	if (fcntl(memfd, F_GET_SEALS) != SEALS || pread(memfd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    !is_whole(&head))
		return attestation_refuse(err, "sidecar");
	memcpy(attestation->session, head.session, sizeof(attestation->session));
	attestation->policy_length = head.policy_length;
	attestation->policy = calloc(1, attestation->policy_length + 1);
	if (!attestation->policy)
		return error_set(err, "memory: %m");
	if (pread(memfd, attestation->policy, attestation->policy_length, sizeof(head)) ==
	    (ssize_t)attestation->policy_length)
		return 1;
	attestation_free(attestation);
	return error_set(err, "session: the sidecar's answer cannot be read (end the session and begin it anew)");
}

/*
 * A sidecar that is killed while it gives (SECCOMP_ADDFD_FLAG_SEND) may leave an answer behind without a
 * descriptor: 0, which is then the caller's own. The next one gives.
 */
static int ask(void)
{
	int memfd = 0;

	for (unsigned i = 0; i < TRIES && memfd == 0; i++) {
		memfd = prctl(RESERVED_CALL, RESERVED_ATTEST, 0, 0, 0);
		if (memfd == 0 && fcntl(memfd, F_GET_SEALS) == SEALS)
			break;
	}
	return memfd;
}

int attestation_ask(struct attestation *attestation, struct error *err)
{
	int memfd = ask();
	int result;

	*attestation = (struct attestation){0};
	if (memfd < 0 && (errno == EINVAL || errno == ENOSYS))
		return 0;
	if (memfd < 0)
		return error_set(err,
				 "session: the sidecar around this command: %m (end the session and begin it anew)");
	result = read_from(memfd, attestation, err);
	close(memfd);
	return result;
}

void attestation_free(struct attestation *attestation)
{
	free(attestation->policy);
	*attestation = (struct attestation){0};
}
