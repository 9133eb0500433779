#include "bindings.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int bindings_init(struct bindings *bindings, struct bindings_table *table)
{
	bindings->table = table;
	socket_diag_open(&bindings->diag);
	if (table->count > BINDINGS_MAX)
		table->count = BINDINGS_MAX;
	for (size_t i = 0; i < table->count; i++)
		table->all[i].descriptor = -1;
	return pthread_mutex_init(&bindings->lock, NULL) == 0 ? 0 : -1;
}

/* The last takes its place: where a worker dies in between it is there twice, which changes nothing. */
static void forget(struct bindings_table *table, size_t place)
{
	if (table->all[place].descriptor >= 0)
		close(table->all[place].descriptor);
	table->all[place] = table->all[table->count - 1];
	table->count--;
}

/* Pathnames that have been unlinked can be connected to no longer. */
static void forget_unlinked(struct bindings_table *table)
{
	struct stat status;

	for (size_t i = table->count; i-- > 0;)
		if (table->all[i].descriptor >= 0 &&
		    (fstat(table->all[i].descriptor, &status) != 0 || status.st_nlink == 0))
			forget(table, i);
}

static void forget_closed(struct bindings *bindings)
{
	struct bindings_table *table = bindings->table;

	for (size_t i = table->count; i-- > 0;)
		if (table->all[i].descriptor < 0 && !socket_diag_knows(&bindings->diag, table->all[i].socket.inode))
			forget(table, i);
}

/* Adds one; what is gone makes room. False: there is none. */
static bool add(struct bindings *bindings, const struct binding *binding)
{
	struct bindings_table *table = bindings->table;
	bool has_room;

	(void)pthread_mutex_lock(&bindings->lock);
	if (table->count == BINDINGS_MAX)
		forget_unlinked(table);
	if (table->count == BINDINGS_MAX)
		forget_closed(bindings);
	has_room = table->count < BINDINGS_MAX;
	if (has_room) {
		table->all[table->count] = *binding;
		atomic_signal_fence(memory_order_seq_cst);
		table->count++; /* last: an entry that is counted is whole */
	}
	(void)pthread_mutex_unlock(&bindings->lock);
	return has_room;
}

static bool identify(int socket, struct socket_identity *identity)
{
	struct stat status;
	socklen_t size = sizeof(identity->cookie);

	if (fstat(socket, &status) != 0 || getsockopt(socket, SOL_SOCKET, SO_COOKIE, &identity->cookie, &size) != 0)
		return false;
	identity->inode = status.st_ino;
	return true;
}

enum socket_place bindings_place(struct bindings *bindings, int socket, ino_t inode)
{
	struct socket_identity identity;

	return identify(socket, &identity) ? socket_diag_place(&bindings->diag, &identity, inode) : SOCKET_UNKNOWN;
}

bool bindings_add_path(struct bindings *bindings, int descriptor, const struct stat *status, int socket)
{
	struct binding binding = {
	    .descriptor = descriptor, .is_path = true, .device = status->st_dev, .inode = status->st_ino};

	(void)identify(socket, &binding.socket);
	if (add(bindings, &binding))
		return true;
	close(descriptor);
	return false;
}

bool bindings_add_abstract(struct bindings *bindings, const char *name, size_t length, int socket,
			   const struct holder *holder)
{
	struct binding binding = {.descriptor = -1, .holder = *holder, .length = length};

	if (length > sizeof(binding.name) || !identify(socket, &binding.socket))
		return false;
	memcpy(binding.name, name, length);
	return add(bindings, &binding);
}

/* The inode's number is its own as long as it is held; else the kernel says whose name it is. */
static bool is_path(struct bindings *bindings, const struct binding *binding, const struct stat *status)
{
	if (!binding->is_path || binding->device != status->st_dev || binding->inode != status->st_ino)
		return false;
	return binding->descriptor >= 0 ||
	       (binding->socket.cookie && socket_diag_is_bound_to(&bindings->diag, &binding->socket, status));
}

bool bindings_have_path(struct bindings *bindings, const struct stat *status)
{
	const struct bindings_table *table = bindings->table;
	bool found = false;

	(void)pthread_mutex_lock(&bindings->lock);
	for (size_t i = 0; !found && i < table->count; i++)
		found = is_path(bindings, &table->all[i], status);
	(void)pthread_mutex_unlock(&bindings->lock);
	return found;
}

/* The entry of that socket; NULL: none. With the lock. */
static struct binding *find(const struct bindings *bindings, const struct socket_identity *socket)
{
	struct bindings_table *table = bindings->table;

	for (size_t i = 0; i < table->count; i++)
		if (!table->all[i].is_path && table->all[i].socket.cookie == socket->cookie)
			return &table->all[i];
	return NULL;
}

struct holder bindings_holder(struct bindings *bindings, const struct socket_identity *socket)
{
	struct holder holder = {.process = 0};
	const struct binding *binding;

	(void)pthread_mutex_lock(&bindings->lock);
	binding = find(bindings, socket);
	if (binding)
		holder = binding->holder;
	(void)pthread_mutex_unlock(&bindings->lock);
	return holder;
}

void bindings_set_holder(struct bindings *bindings, const struct socket_identity *socket, const struct holder *holder)
{
	struct binding *binding;

	(void)pthread_mutex_lock(&bindings->lock);
	binding = find(bindings, socket);
	if (binding)
		binding->holder = *holder;
	(void)pthread_mutex_unlock(&bindings->lock);
}

bool bindings_have_abstract(struct bindings *bindings, const char *name, size_t length, ino_t client,
			    struct socket_identity *which)
{
	const struct bindings_table *table = bindings->table;
	bool have = false;

	(void)pthread_mutex_lock(&bindings->lock);
	for (size_t i = 0; !have && i < table->count; i++) {
		const struct binding *binding = &table->all[i];

		if (!binding->is_path && binding->length == length && memcmp(binding->name, name, length) == 0)
			have = socket_diag_is_named(&bindings->diag, &binding->socket, name, length);
		if (have)
			*which = binding->socket;
	}
	have = have && socket_diag_knows(&bindings->diag, client);
	(void)pthread_mutex_unlock(&bindings->lock);
	return have;
}
