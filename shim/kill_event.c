#include "kill_event.h"

#include <seccomp.h>

#include "verdict.h"

static struct seccomp_data data_of(const struct kill_record *record)
{
	return (struct seccomp_data){.nr = record->call, .arch = record->arch};
}

bool kill_is_foreign(const struct kill_record *record)
{
	const struct seccomp_data data = data_of(record);

	return verdict_is_foreign(syscall_native_arch(), &data);
}

/* x32 shares its token with x86_64. */
static uint32_t arch_of(const struct kill_record *record)
{
	return record->arch == syscall_native_arch() && kill_is_foreign(record) ? SCMP_ARCH_X32 : record->arch;
}

void kill_event_fill(struct event *event, struct kill_event *made, const struct kill_record *record)
{
	const struct seccomp_data data = data_of(record);
	bool has_name = syscall_name(arch_of(record), record->call, made->name);

	kill_record_name(record, made->record);
	made->call = (struct event_call){
	    .name = has_name ? made->name : NULL,
	    .number = record->call,
	    .reason = KILL_REASON,
	    .action = "killed",
	    .arch = verdict_arch_name(syscall_native_arch(), &data),
	    .has_no_arguments = true,
	    .record = made->record,
	};
	event->process = (struct event_process){
	    .pid = record->pid,
	    .uid = record->uid == UINT32_MAX ? -1 : (int64_t)record->uid,
	    .comm = {record->comm_length ? record->comm : NULL, record->comm_length},
	    .exe = {record->exe_length ? record->exe : NULL, record->exe_length},
	};
	event->call = &made->call;
}
