#include "library_program.h"

#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf.h"
#include "bpf_simulator.h"
#include "pseudo_code.h"
#include "syscall_table.h"

static struct sock_filter *export_stage(const struct rules *rules, const struct stage *stage)
{
	struct error err;
	scmp_filter_ctx context = pseudo_code_stage(rules, stage, &err);
	int file = memfd_create("library", MFD_CLOEXEC);
	struct sock_filter *code = calloc(BPF_MAXINSNS, sizeof(*code));

	if (!context)
		fail_msg("%s", err.text);
	assert_non_null(code);
	assert_int_equal(seccomp_export_bpf(context, file), 0);
	assert_true(pread(file, code, BPF_MAXINSNS * sizeof(*code), 0) > 0);
	close(file);
	seccomp_release(context);
	return code;
}

void library_program_open(struct library_program *program, const struct rules *rules)
{
	*program = (struct library_program){.list = export_stage(rules, &rules->list)};
	if (rules->sockets.count > 0)
		program->sockets = export_stage(rules, &rules->sockets);
}

void library_program_close(struct library_program *program)
{
	free(program->list);
	free(program->sockets);
	*program = (struct library_program){0};
}

static bool is_ours_alone(const struct rules *rules, const struct seccomp_data *call)
{
	uint32_t number = (uint32_t)call->nr;

	if (call->arch != rules->arch || number == NO_NUMBER)
		return false;
	if (rules->arch == SCMP_ARCH_X86_64 && number >= X32_NUMBERS)
		return false;
	if (rules->reserved && call->nr == syscall_number(rules->arch, "prctl"))
		return true;
	return syscall_is_supplementary(rules->arch, call->nr) ||
	       (rules->highest >= 0 && number > (uint32_t)rules->highest);
}

bool library_program_run(const struct library_program *program, const struct rules *rules,
			 const struct seccomp_data *call, uint32_t *action)
{
	if (is_ours_alone(rules, call))
		return false;
	*action = bpf_run(program->list, call).action;
	if (*action == SECCOMP_RET_ALLOW && program->sockets)
		*action = bpf_run(program->sockets, call).action;
	return true;
}
