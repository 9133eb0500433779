#include "refusal_log.h"

#include <unistd.h>

#include "error.h"
#include "handover.h"

#define PER_SECOND 20U

static void begin_second(struct refusal_log *log, int64_t second)
{
	struct error err;

	if (log->unlogged) {
		(void)error_set(&err, "%u more loaders were refused", log->unlogged);
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
	}
	*log = (struct refusal_log){.second = second};
}

void refusal_log_say(struct refusal_log *log, const struct conversation_peer *peer, const char *reason)
{
	int64_t second = handover_now() / 1000;
	struct error err;

	if (second != log->second)
		begin_second(log, second);
	if (log->logged++ >= PER_SECOND) {
		log->unlogged++;
		return;
	}
	(void)error_set(&err, "pid %d of uid %u is refused: %s", peer->pid, peer->uid, reason);
	error_print(STDERR_FILENO, "agentsh-sidecar", &err);
}
