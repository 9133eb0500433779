#include "pseudo_code.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "syscall_table.h"

#define LIBSECCOMP_API_LEVEL 6U /* all of 2.5: actions, notifications; set, so that the host is not probed */

/* Is it one that libseccomp cannot be told of? */
static bool is_unknown(const struct rules *rules, const struct rule *rule)
{
	return rule->action != rules->list.otherwise && syscall_is_supplementary(rules->arch, rule->number);
}

static scmp_filter_ctx new_context(const struct rules *rules, uint32_t otherwise, struct error *err)
{
	uint32_t arch = rules->arch;
	scmp_filter_ctx context;
	uint32_t native = seccomp_arch_native();

	(void)seccomp_api_set(LIBSECCOMP_API_LEVEL); /* where it is refused, libseccomp probes for itself */
	context = seccomp_init(otherwise);
	if (context &&
	    (arch == native || (seccomp_arch_remove(context, native) == 0 && seccomp_arch_add(context, arch) == 0)) &&
	    seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, rules->foreign) == 0)
		return context;
	seccomp_release(context);
	(void)error_set(err, "filter: libseccomp cannot begin one");
	return NULL;
}

/* libseccomp takes the native number of a call's name, and translates it for the filter's architecture. */
static int library_number(uint32_t arch, int number)
{
	char name[SYSCALL_NAME_MAX];

	if (arch == seccomp_arch_native() || !syscall_name(arch, number, name))
		return number;
	return seccomp_syscall_resolve_name(name);
}

static int add_stage_rules(scmp_filter_ctx context, const struct rules *rules, const struct stage *stage,
			   struct error *err)
{
	for (size_t i = 0; i < stage->count; i++) {
		const struct rule *rule = &stage->rules[i];
		int result;

		if (rule->action == stage->otherwise || syscall_is_supplementary(rules->arch, rule->number))
			continue;
		result = seccomp_rule_add_exact_array(context, rule->action, library_number(rules->arch, rule->number),
						      rule->comparisons, rule->compare);
		if (result != 0)
			return error_set(err, "filter: libseccomp refuses the rule for call %d: %s", rule->number,
					 strerror(-result));
	}
	return 0;
}

scmp_filter_ctx pseudo_code_stage(const struct rules *rules, const struct stage *stage, struct error *err)
{
	scmp_filter_ctx context = new_context(rules, stage->otherwise, err);

	if (!context)
		return NULL;
	if (add_stage_rules(context, rules, stage, err) == 0)
		return context;
	seccomp_release(context);
	return NULL;
}

static int copy_text(int memfd, FILE *stream, struct error *err)
{
	char text[4096];
	off_t offset = 0;
	ssize_t length;

	while ((length = pread(memfd, text, sizeof(text), offset)) > 0) {
		if (fwrite(text, 1, (size_t)length, stream) != (size_t)length)
			return error_set(err, "export: %s", strerror(errno));
		offset += length;
	}
	return length == 0 ? 0 : error_set(err, "filter: libseccomp's text cannot be read back");
}

/* Did the limit on the size of files cut the text? */
static bool was_cut(int memfd)
{
	struct rlimit limit;
	struct stat status;

	return getrlimit(RLIMIT_FSIZE, &limit) != 0 || fstat(memfd, &status) != 0 ||
	       (limit.rlim_cur != RLIM_INFINITY && (rlim_t)status.st_size >= limit.rlim_cur);
}

static int export_pfc(scmp_filter_ctx context, FILE *stream, struct error *err)
{
	int memfd = memfd_create("agentsh-filter", MFD_CLOEXEC);
	int result;

	if (memfd < 0)
		return error_set(err, "filter: memfd_create: %s (raise ulimit -n)", strerror(errno));
	result = seccomp_export_pfc(context, memfd);
	if (result != 0)
		(void)error_set(err, "filter: libseccomp cannot print it: %s", strerror(-result));
	else if (was_cut(memfd))
		result = error_set(err, "filter: libseccomp's text was cut short (raise ulimit -f)");
	else
		result = copy_text(memfd, stream, err);
	close(memfd);
	return result == 0 ? 0 : -1;
}

static int print_stage(const struct rules *rules, const struct stage *stage, FILE *stream, struct error *err)
{
	scmp_filter_ctx context = pseudo_code_stage(rules, stage, err);
	int result;

	if (!context)
		return -1;
	result = export_pfc(context, stream, err);
	seccomp_release(context);
	return result;
}

/* What libseccomp cannot say, in the words of its own pseudo code. */
static void print_prologue(const struct rules *rules, FILE *stream)
{
	char name[SYSCALL_NAME_MAX];

	for (size_t i = 0; i < rules->list.count; i++) {
		const struct rule *rule = &rules->list.rules[i];

		if (!is_unknown(rules, rule) || !syscall_name(rules->arch, rule->number, name))
			continue;
		fprintf(stream, "# before: if ($syscall == %d /* %s */) action 0x%08x;\n", rule->number, name,
			rule->action);
	}
	if (rules->highest >= 0)
		fprintf(stream, "# before: if ($syscall > %d, not -1, not x32) action ERRNO(%d);\n", rules->highest,
			ENOSYS);
}

int pseudo_code_print(const struct policy *policy, uint32_t arch, FILE *stream, struct error *err)
{
	struct rules rules;
	int result;

	if (!policy_filters(policy))
		return error_set(err, "filter: the policy has none (enabled = true and mode = enforce ask for one)");
	if (rules_build(policy, arch, &rules, err) != 0)
		return -1;
	fprintf(stream, "# agentsh-exec: stage 1, system calls\n");
	print_prologue(&rules, stream);
	result = print_stage(&rules, &rules.list, stream, err);
	if (result == 0 && rules.sockets.count > 0) {
		fprintf(stream, "# agentsh-exec: stage 2, sockets: judges what stage 1 allows\n");
		result = print_stage(&rules, &rules.sockets, stream, err);
	}
	rules_free(&rules);
	return result;
}
