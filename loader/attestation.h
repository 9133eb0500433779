/*
 * In which session is the caller? Answered by the session's own sidecar through the reserved call,
 * prctl(RESERVED_CALL, RESERVED_ATTEST): a notification, which cannot be forged, where the
 * environment can. The answer is a descriptor, put into the caller's table (ADDFD): a sealed memfd
 * with the session's ID and policy.
 */
#ifndef AGENTSH_ATTESTATION_H
#define AGENTSH_ATTESTATION_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "policy.h"
#include "session.h"

/*
 * Operations of the reserved call. RESERVED_REPORT is the preload library's: a process has begun, or has another name.
 * Its arguments are claims (claim.h), zero where nothing is claimed: the session, the process's number in its own pid
 * namespace. It answers EINVAL, as anything else does.
 */
enum reserved_operation { RESERVED_ATTEST = 1, RESERVED_REPORT = 2 };

#define ATTESTATION_MAGIC   0x41475341U /* "AGSA" */
#define ATTESTATION_VERSION 1U

/* What the memfd begins with; the policy's text follows, then the path of its file. */
struct attestation_head {
	uint32_t magic;
	uint32_t version;
	uint32_t policy_length;
	uint32_t path_length;
	char session[SESSION_ID_SIZE];
	char padding[3];
};

struct attestation {
	char session[SESSION_ID_SIZE];
	char *policy; /* owned; the INI's text */
	size_t policy_length;
};

/*
 * Asks. Returns 1 and *attestation (free with attestation_free) in a session; 0 outside of any:
 * EINVAL is the kernel's own answer, ENOSYS that of a session whose sidecar has gone; -1 and *err
 * where the answer makes no sense.
 */
int attestation_ask(struct attestation *attestation, struct error *err);
void attestation_free(struct attestation *attestation);

/* -1, and *err: what is around the session, its sidecar or policy, is of another version. */
int attestation_refuse(struct error *err, const char *what);

#endif
