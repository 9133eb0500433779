#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules.h"
#include "syscall_table.h"

#define LIBSECCOMP_API_LEVEL 6U          /* all of 2.5: actions, notifications; set, so that the host is not probed */
#define X32_NUMBERS          0x40000000U /* from here on a number on x86_64 is x32's */
#define NO_NUMBER            0xffffffffU /* a tracer skips a call by this one */
#define NUMBER_OFFSET        ((uint32_t)offsetof(struct seccomp_data, nr))
/* The low half of the first argument: both architectures are little-endian. */
#define ARGUMENT_OFFSET ((uint32_t)offsetof(struct seccomp_data, args))
#define ARCH_OFFSET     ((uint32_t)offsetof(struct seccomp_data, arch))

static int append(struct filter *filter, const struct sock_filter *code, size_t count, struct error *err)
{
	struct sock_filter *instructions;

	if (count > BPF_MAXINSNS - filter->count)
		return error_set(err, "filter: it is longer than the kernel's %d instructions (shorten block or allow)",
				 BPF_MAXINSNS);
	instructions = reallocarray(filter->instructions, filter->count + count, sizeof(*instructions));
	if (!instructions)
		return error_set(err, "filter: out of memory");
	memcpy(instructions + filter->count, code, count * sizeof(*code));
	filter->instructions = instructions;
	filter->count += count;
	return 0;
}

static struct sock_filter statement(unsigned code, uint32_t value)
{
	return (struct sock_filter){.code = (uint16_t)code, .k = value};
}

static struct sock_filter jump(unsigned code, uint32_t value, uint8_t yes, uint8_t no)
{
	return (struct sock_filter){.code = (uint16_t)code, .jt = yes, .jf = no, .k = value};
}

/* Is it one that libseccomp cannot be told of? Then it stands before libseccomp's program. */
static bool stands_before(const struct rules *rules, const struct rule *rule)
{
	return rule->action != rules->list.otherwise && syscall_is_supplementary(rules->arch, rule->number);
}

static int append_supplements(const struct rules *rules, struct filter *filter, struct error *err)
{
	for (size_t i = 0; i < rules->list.count; i++) {
		const struct rule *rule = &rules->list.rules[i];
		const struct sock_filter code[] = {
		    jump(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->number, 0, 1),
		    statement(BPF_RET | BPF_K, rule->action),
		};

		if (stands_before(rules, rule) && append(filter, code, 2, err) != 0)
			return -1;
	}
	return 0;
}

/* The reserved call, before everything that a policy says of prctl. An int: its low 32 bits count. */
static int append_reserved(const struct rules *rules, struct filter *filter, struct error *err)
{
	const struct sock_filter code[] = {
	    jump(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)syscall_number(rules->arch, "prctl"), 0, 4),
	    statement(BPF_LD | BPF_W | BPF_ABS, ARGUMENT_OFFSET),
	    jump(BPF_JMP | BPF_JEQ | BPF_K, RESERVED_CALL, 0, 1),
	    statement(BPF_RET | BPF_K, rules->answered),
	    statement(BPF_LD | BPF_W | BPF_ABS, NUMBER_OFFSET),
	};

	return rules->reserved ? append(filter, code, sizeof(code) / sizeof(code[0]), err) : 0;
}

/* Calls newer than the table: ENOSYS. x32's numbers and -1 are left to libseccomp's own tests. */
static int append_ceiling(const struct rules *rules, struct filter *filter, struct error *err)
{
	const struct sock_filter code[] = {
	    rules->arch == SCMP_ARCH_X86_64 ? jump(BPF_JMP | BPF_JGE | BPF_K, X32_NUMBERS, 2, 0)
					    : jump(BPF_JMP | BPF_JEQ | BPF_K, NO_NUMBER, 2, 0),
	    jump(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)rules->highest, 0, 1),
	    statement(BPF_RET | BPF_K, SCMP_ACT_ERRNO(ENOSYS)),
	};

	return rules->highest < 0 ? 0 : append(filter, code, sizeof(code) / sizeof(code[0]), err);
}

/*
 * What libseccomp cannot say, before what it says. A foreign architecture is passed on to it: the
 * jump is a JA, whose offset has 32 bits, so that no number of rules can overflow it.
 */
static int append_prologue(const struct rules *rules, struct filter *filter, struct error *err)
{
	const struct sock_filter head[] = {
	    statement(BPF_LD | BPF_W | BPF_ABS, ARCH_OFFSET),
	    jump(BPF_JMP | BPF_JEQ | BPF_K, rules->arch, 1, 0),
	    statement(BPF_JMP | BPF_JA, 0),
	    statement(BPF_LD | BPF_W | BPF_ABS, NUMBER_OFFSET),
	};
	const size_t head_count = sizeof(head) / sizeof(head[0]);
	size_t away = 2; /* the JA's place in head */

	if (append(filter, head, head_count, err) != 0 || append_reserved(rules, filter, err) != 0 ||
	    append_supplements(rules, filter, err) != 0 || append_ceiling(rules, filter, err) != 0)
		return -1;
	if (filter->count == head_count)
		filter->count = 0; /* nothing to say */
	else
		filter->instructions[away].k = (uint32_t)(filter->count - away - 1);
	return 0;
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

static scmp_filter_ctx compile_stage(const struct rules *rules, const struct stage *stage, struct error *err)
{
	scmp_filter_ctx context = new_context(rules, stage->otherwise, err);

	if (!context)
		return NULL;
	if (add_stage_rules(context, rules, stage, err) == 0)
		return context;
	seccomp_release(context);
	return NULL;
}

bool filter_is_whole(const struct sock_filter *code, size_t count)
{
	if (count == 0 || BPF_CLASS(code[count - 1].code) != BPF_RET)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct sock_filter *at = &code[i];
		size_t farthest = at->jt > at->jf ? at->jt : at->jf;

		if (BPF_CLASS(at->code) != BPF_JMP)
			continue;
		if (BPF_OP(at->code) == BPF_JA)
			farthest = at->k;
		if (farthest >= count - i - 1)
			return false;
	}
	return true;
}

/* What libseccomp 2.5 writes to, which knows descriptors only: a memfd (one end), or a pipe. */
struct channel {
	int in;
	int out;
};

/* Where RLIMIT_FSIZE could cut a file short, or end us by SIGXFSZ, a pipe: it is under no such limit. */
static int channel_open(struct channel *channel, struct error *err)
{
	struct rlimit limit;
	int ends[2];

	*channel = (struct channel){.in = -1, .out = -1};
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
		channel->in = memfd_create("agentsh-filter", MFD_CLOEXEC);
		channel->out = channel->in;
	} else if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
		*channel = (struct channel){.in = ends[1], .out = ends[0]};
	}
	if (channel->in >= 0)
		return 0;
	return error_set(err, "filter: no descriptor to write it to: %s (raise ulimit -n)", strerror(errno));
}

static void channel_close(const struct channel *channel)
{
	close(channel->in);
	if (channel->out != channel->in)
		close(channel->out);
}

/* Appends what libseccomp wrote. It does not notice a write that is cut short: we do. */
static int append_exported(const struct channel *channel, struct filter *filter, struct error *err)
{
	struct sock_filter code[BPF_MAXINSNS + 1]; /* one more than there may be: append() then refuses it */
	ssize_t length = channel->in == channel->out ? pread(channel->out, code, sizeof(code), 0)
						     : read(channel->out, code, sizeof(code));
	size_t count = length > 0 ? (size_t)length / sizeof(code[0]) : 0;

	if (count == 0 || (size_t)length % sizeof(code[0]) != 0)
		return error_set(err, "filter: libseccomp's program cannot be read back (raise ulimit -f)");
	if (count <= BPF_MAXINSNS && !filter_is_whole(code, count))
		return error_set(err, "filter: libseccomp's program was cut short (raise ulimit -f)");
	return append(filter, code, count, err);
}

static int export_stage(scmp_filter_ctx context, struct filter *filter, struct error *err)
{
	struct channel channel;
	int result;

	if (channel_open(&channel, err) != 0)
		return -1;
	result = seccomp_export_bpf(context, channel.in);
	if (result != 0)
		(void)error_set(err, "filter: libseccomp cannot compile it: %s", strerror(-result));
	else
		result = append_exported(&channel, filter, err);
	channel_close(&channel);
	return result == 0 ? 0 : -1;
}

static int append_stage(const struct rules *rules, const struct stage *stage, struct filter *filter, struct error *err)
{
	scmp_filter_ctx context = compile_stage(rules, stage, err);
	int result;

	if (!context)
		return -1;
	result = export_stage(context, filter, err);
	seccomp_release(context);
	return result;
}

/* What the first stage allows goes on to the second: each RET ALLOW becomes a jump to what follows. */
static void chain(struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++) {
		struct sock_filter *instruction = &filter->instructions[i];

		if (instruction->code == (BPF_RET | BPF_K) && instruction->k == SCMP_ACT_ALLOW)
			*instruction = statement(BPF_JMP | BPF_JA, (uint32_t)(filter->count - i - 1));
	}
}

static int compile(const struct rules *rules, struct filter *filter, struct error *err)
{
	if (append_prologue(rules, filter, err) != 0 || append_stage(rules, &rules->list, filter, err) != 0)
		return -1;
	if (rules->sockets.count == 0)
		return 0;
	chain(filter);
	return append_stage(rules, &rules->sockets, filter, err);
}

int filter_build(const struct policy *policy, uint32_t arch, struct filter *filter, struct error *err)
{
	const struct rules_setting alone = {0};

	return filter_build_for(policy, &alone, arch, filter, err);
}

int filter_build_for(const struct policy *policy, const struct rules_setting *setting, uint32_t arch,
		     struct filter *filter, struct error *err)
{
	struct rules rules;
	int result;

	*filter = (struct filter){0};
	if (!policy_filters(policy))
		return error_set(err, "filter: the policy has none (enabled = true and mode = enforce ask for one)");
	if (rules_build_for(policy, setting, arch, &rules, err) != 0)
		return -1;
	result = compile(&rules, filter, err);
	if (result != 0)
		filter_free(filter);
	rules_free(&rules);
	return result;
}

void filter_free(struct filter *filter)
{
	free(filter->instructions);
	*filter = (struct filter){0};
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

static int print_stage_pfc(const struct rules *rules, const struct stage *stage, FILE *stream, struct error *err)
{
	scmp_filter_ctx context = compile_stage(rules, stage, err);
	int result;

	if (!context)
		return -1;
	result = export_pfc(context, stream, err);
	seccomp_release(context);
	return result;
}

/* The prologue in the words of libseccomp's own pseudo code. */
static void print_prologue_pfc(const struct rules *rules, FILE *stream)
{
	char name[SYSCALL_NAME_MAX];

	for (size_t i = 0; i < rules->list.count; i++) {
		const struct rule *rule = &rules->list.rules[i];

		if (!stands_before(rules, rule) || !syscall_name(rules->arch, rule->number, name))
			continue;
		fprintf(stream, "# before: if ($syscall == %d /* %s */) action 0x%08x;\n", rule->number, name,
			rule->action);
	}
	if (rules->highest >= 0)
		fprintf(stream, "# before: if ($syscall > %d, not -1, not x32) action ERRNO(%d);\n", rules->highest,
			ENOSYS);
}

int filter_print_pfc(const struct policy *policy, uint32_t arch, FILE *stream, struct error *err)
{
	struct rules rules;
	int result;

	if (!policy_filters(policy))
		return error_set(err, "filter: the policy has none (enabled = true and mode = enforce ask for one)");
	if (rules_build(policy, arch, &rules, err) != 0)
		return -1;
	fprintf(stream, "# agentsh-exec: stage 1, system calls\n");
	print_prologue_pfc(&rules, stream);
	result = print_stage_pfc(&rules, &rules.list, stream, err);
	if (result == 0 && rules.sockets.count > 0) {
		fprintf(stream, "# agentsh-exec: stage 2, sockets: judges what stage 1 allows\n");
		result = print_stage_pfc(&rules, &rules.sockets, stream, err);
	}
	rules_free(&rules);
	return result;
}
