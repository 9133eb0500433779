/* A name of the session's own that an outsider takes as soon as it is free: outsider.c tries all the time. */
#include "attack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct name {
	struct sockaddr_un address;
	socklen_t length;
	int type;
	_Atomic int bound; /* the session's socket of that name; -1: none */
};

/* Lets go of it in the middle of a call. */
static void let_go(struct stage *stage, void *context)
{
	struct name *name = context;
	int bound = atomic_exchange(&name->bound, -1);

	(void)stage;
	if (bound >= 0)
		close(bound);
}

static bool take(struct name *name)
{
	int made = attack_socket(name->type);

	if (bind(made, (const struct sockaddr *)(const void *)&name->address, name->length) != 0 ||
	    (name->type != SOCK_DGRAM && listen(made, 4) != 0)) {
		close(made);
		return false;
	}
	atomic_store(&name->bound, made);
	return true;
}

static void call(struct stage *stage, void *context)
{
	struct name *name = context;

	if (!take(name))
		return;
	for (int i = 0; i < 20 && atomic_load(&name->bound) >= 0; i++)
		attack_connect(stage, name->type, &name->address, name->length);
}

static void call_dgram(struct stage *stage, void *context)
{
	struct name *name = context;
	int made = attack_socket(SOCK_DGRAM);

	if (take(name)) {
		stage->done++;
		stage->answers += sendto(made, "x", 1, MSG_DONTWAIT,
					 (const struct sockaddr *)(const void *)&name->address, name->length) == 1;
	}
	close(made);
}

static void race(struct stage *stage, int type, attack_step *step)
{
	struct name *name = attack_memory(sizeof(*name));

	name->type = type;
	atomic_store(&name->bound, -1);
	(void)attack_address(stage, 'd', type == SOCK_DGRAM ? "again.dgram" : "again", true, &name->address,
			     &name->length);
	attack_slow(stage, 10, 200);
	attack_race(stage, let_go, step, name, false);
}

void rebound_stream(struct stage *stage)
{
	race(stage, SOCK_STREAM, call);
}

void rebound_dgram(struct stage *stage)
{
	race(stage, SOCK_DGRAM, call_dgram);
}
