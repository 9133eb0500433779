/*
 * What the parts of fault_points share: the threads that it traces, and the point at which one of them dies.
 */
#ifndef AGENTSH_FAULTS_H
#define AGENTSH_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define THREADS_MAX 256U

enum role { ROLE_NONE, ROLE_KEEPER, ROLE_WAITER, ROLE_WORKER, ROLE_BROKER };

struct thread {
	pid_t tid;
	pid_t process;
	enum role role;
	uint64_t number;   /* of the call that it is in */
	uint64_t request;  /* its second argument */
	uint64_t argument; /* its third */
	bool counts;       /* its stops are points now */
	bool has_stopped;  /* ever: until then its calls go by unseen */
};

struct driver {
	const char *mode;
	pid_t keeper;
	struct thread threads[THREADS_MAX];
	size_t count;
	int signals;
	int to;   /* COMMAND's standard input */
	int from; /* its output */
	pid_t command;
	pid_t caller; /* whose calls are the ones; 0: not known yet */
	uint64_t id;  /* of the latest of them */
	bool has_answered;
	bool has_ended;
	int status;
	/* The point: */
	const char *kind;
	unsigned wanted;
	unsigned step;
	unsigned seen;
	bool is_armed;
	unsigned strikes; /* that are left */
	bool has_killed;
	bool broker_waits; /* for loaders, after that */
	unsigned gone;     /* workers that have ended since */
	bool main_waits;   /* of the one that begins */
	bool server_waits; /* the same */
	bool is_through;   /* the last point has gone by */
};

/* --- threads.c: who is who. Each ends the program where something cannot be done. --- */

/* Does the worker die as well that takes a call up? */
bool kills_two(const struct driver *driver);

/* Has one of two been killed? Where the second has less to do, it has no such point. */
bool is_again(const struct driver *driver);

/* Is it a call's points that are wanted, one after the other? */
bool serves_calls(const struct driver *driver);
bool is_kind(const struct driver *driver, const char *kind);
enum role wanted_role(const struct driver *driver);

/* By its arguments; one that has not been executed yet has the keeper's. */
enum role thread_role(pid_t process);

/* NULL: it is not traced. */
struct thread *thread_find(struct driver *driver, pid_t tid);
struct thread *thread_add(struct driver *driver, pid_t tid);
void thread_forget(struct driver *driver, struct thread *thread);
void thread_seize(struct driver *driver, pid_t tid);

/* Of the keeper's children those that have that role now. False: there is none. */
bool thread_seize_child(struct driver *driver, enum role wanted);

/* --- points.c --- */

/* A thread stands at a call's entry or exit: is it the point? Then its process dies of it. */
void point_at_call(struct driver *driver, struct thread *thread);

#endif
