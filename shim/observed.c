#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "mediation.h"
#include "socket_event.h"
#include "syscall_table.h"
#include "worker.h"

/* The name that a path leads to, or would. False: it leads nowhere, and the kernel will say so. */
static bool name_path(struct mediation *mediation, const struct address *address, enum socket_operation operation)
{
	struct socket_name judged = {.abstract = false};
	struct new_name made;
	struct pinned pinned;
	struct view view;
	bool binds = operation == OPERATION_BIND;
	int error;

	if (view_open(&mediation->worker->origin, mediation->directory, mediation->is_settled, VIEW_NO_MASK,
		      address->name, &view) != 0)
		return false;
	error = mediation_is_valid(mediation) ? mediation_enter(mediation, &view) : ESRCH;
	if (error == 0) {
		error = binds ? view_pin_parent(&view, address->name, &made)
			      : view_pin(&view, address->name, false, &pinned);
		mediation_leave(mediation, &view);
	}
	if (error == 0) {
		judged.bytes = binds ? made.full : pinned.name;
		judged.length = binds ? made.length : pinned.length;
		(void)mediation_allows(mediation, operation, &judged, binds ? &made.parent : &pinned);
		view_unpin(binds ? &made.parent : &pinned);
	}
	view_close(&view);
	if (error < 0)
		(void)socket_event_path(mediation, address->name, error);
	return error == 0;
}

static void judge(struct mediation *mediation, const struct address *address, enum socket_operation operation)
{
	const struct socket_name name = {.abstract = true, .bytes = address->name, .length = address->name_length};

	if (address->kind == ADDRESS_ABSTRACT)
		(void)mediation_allows(mediation, operation, &name, NULL);
	else if (address->kind == ADDRESS_PATH)
		(void)name_path(mediation, address, operation);
}

static void observe_address(struct mediation *mediation, uint64_t where, uint64_t length,
			    enum socket_operation operation)
{
	struct address address;

	if (where && sending_read_address(&mediation->memory, where, length, true, &address) == 0 &&
	    mediation_is_valid(mediation))
		judge(mediation, &address, operation);
}

/* The address of a message; of the first alone where there are several: the rest has changed by then. */
static void observe_message(struct mediation *mediation)
{
	struct msghdr header;

	if (memory_read(&mediation->memory, mediation->notif->data.args[1], &header, sizeof(header)) == 0)
		observe_address(mediation, (uint64_t)(uintptr_t)header.msg_name, header.msg_namelen, OPERATION_SENDTO);
}

void observed_call(struct mediation *mediation)
{
	const uint64_t *arguments = (const uint64_t *)mediation->notif->data.args;

	if (mediation_is_call(mediation, SYS_connect))
		observe_address(mediation, arguments[1], arguments[2], OPERATION_CONNECT);
	else if (mediation_is_call(mediation, SYS_bind))
		observe_address(mediation, arguments[1], arguments[2], OPERATION_BIND);
	else if (mediation_is_call(mediation, SYS_sendto))
		observe_address(mediation, arguments[4], arguments[5], OPERATION_SENDTO);
	else
		observe_message(mediation);
}
