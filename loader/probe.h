/*
 * What this host can do, found by trying it: never from the version of the kernel, which says
 * nothing of a container's filter, a security module or what a distribution has ported back.
 *
 * Each probe tries in a forked child that leaves nothing of its own: neither a process nor a
 * filter nor a descriptor of the caller. Where the child hangs, or dies, that is the result.
 * Probes may be called one by one, in any order, by any program of ours with a single thread.
 */
#ifndef AGENTSH_PROBE_H
#define AGENTSH_PROBE_H

#define PROBE_SECONDS 5 /* how long a probe may take; far beyond what any needs */

#define PROBE_YAMA_NONE (-1L) /* the value of probe_yama() where there is no Yama */

enum probe_state {
	PROBE_YES,   /* it works; value is set where the probe has one */
	PROBE_NO,    /* call answered error */
	PROBE_DIED,  /* the child was killed by signal error; 0: it ended without a word */
	PROBE_HUNG,  /* no answer within PROBE_SECONDS */
	PROBE_FAILED /* nothing was tried: call, which only prepares, answered error */
};

struct probe_result {
	enum probe_state state;
	int error; /* errno, or a signal */
	long value;
	char call[48]; /* the kernel's name of what was refused */
};

/* seccomp(2) */
struct probe_result probe_no_new_privs(void);
struct probe_result probe_filter(void); /* a filter is loaded, and holds */
struct probe_result probe_action_kill_process(void);
struct probe_result probe_action_errno(void);
struct probe_result probe_action_user_notif(void);
struct probe_result probe_action_log(void);

/* seccomp_unotify(2): each loads a filter with a listener; all but sync_wake_up answer a call */
struct probe_result probe_listener(void);      /* EBUSY: one is there already */
struct probe_result probe_wait_killable(void); /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */
struct probe_result probe_sync_wake_up(void);  /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP */
struct probe_result probe_addfd(void);         /* SECCOMP_IOCTL_NOTIF_ADDFD */
struct probe_result probe_continue(void);      /* SECCOMP_USER_NOTIF_FLAG_CONTINUE */

/* Other processes, of the caller's own credentials */
struct probe_result probe_pidfd_getfd(void);      /* the listener of a child; a plain descriptor where it has none */
struct probe_result probe_peer_pidfd(void);       /* SO_PEERPIDFD */
struct probe_result probe_process_vm_readv(void); /* the memory of a child */
struct probe_result probe_proc_mem(void);         /* the same by /proc/PID/mem */
struct probe_result probe_reads_grandchild(void); /* a child of a child, by either */
struct probe_result probe_reads_sibling(void);    /* by a process that is no ancestor: Yama */

/* The rest of the host */
struct probe_result probe_audit_stream(void);   /* NETLINK_AUDIT, AUDIT_NLGRP_READLOG */
struct probe_result probe_landlock(void);       /* value: the ABI */
struct probe_result probe_scope_signal(void);   /* a Landlock domain whose processes signal nobody outside */
struct probe_result probe_yama(void);           /* value: kernel.yama.ptrace_scope, or PROBE_YAMA_NONE */
struct probe_result probe_filters(void);        /* value: how many filters the caller is behind */
struct probe_result probe_other_listener(void); /* value: 1 where a filter that the caller is behind has a listener */

#endif
