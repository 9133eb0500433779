#include "reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "message.h"
#include "reader.h"

/* --- By our own calls --- */

static ssize_t through_proc(pid_t tid, uint64_t address, void *buffer, size_t length, bool writes)
{
	char path[32];
	int descriptor;
	ssize_t done;
	int error;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	descriptor = open(path, (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (descriptor < 0)
		return -1;
	done = writes ? pwrite(descriptor, buffer, length, (off_t)address)
		      : pread(descriptor, buffer, length, (off_t)address);
	error = errno;
	close(descriptor);
	errno = error;
	return done;
}

static bool is_refused(ssize_t done)
{
	return done < 0 && (errno == ENOSYS || errno == EPERM);
}

static ssize_t read_ourselves(pid_t tid, const struct iovec *pieces, size_t count, void *out, size_t length)
{
	struct iovec ours = {.iov_base = out, .iov_len = length};
	ssize_t done = process_vm_readv(tid, &ours, 1, pieces, count, 0);

	if (is_refused(done))
		done = through_proc(tid, (uint64_t)(uintptr_t)pieces[0].iov_base, out,
				    pieces[0].iov_len < length ? pieces[0].iov_len : length, false);
	return done;
}

static ssize_t write_ourselves(pid_t tid, uint64_t address, const void *bytes, size_t length)
{
	struct iovec ours = {.iov_base = (void *)bytes, .iov_len = length};
	struct iovec theirs = {.iov_base = (void *)(uintptr_t)address, .iov_len = length};
	ssize_t done = process_vm_writev(tid, &ours, 1, &theirs, 1, 0);

	if (is_refused(done))
		done = through_proc(tid, address, (void *)bytes, length, true);
	return done;
}

/* --- Through the reader --- */

void reach_end(struct reach *reach)
{
	if (reach->connection >= 0)
		close(reach->connection);
	reach->connection = -1;
}

static bool connect_reader(struct reach *reach)
{
	int ends[2];

	if (reach->connection >= 0)
		return true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	reach->connection = ends[0];
	if (message_send(reach->channel, "", 1, &ends[1], 1) != 0)
		reach_end(reach);
	close(ends[1]);
	return reach->connection >= 0;
}

/* An answer of either kind, and what follows it. */
static ssize_t hear(struct reach *reach, void *out, size_t length, struct message_descriptors *came)
{
	struct {
		struct reader_answer head;
		char bytes[READER_BYTES_MAX];
	} answer;
	ssize_t received = message_receive(reach->connection, &answer, sizeof(answer.head) + length, came);

	if (received < (ssize_t)sizeof(answer.head)) {
		/* It has gone, or closed a connection too many. The next request tries another. */
		reach_end(reach);
		errno = EPERM;
		return -1;
	}
	if (answer.head.error != 0) {
		message_close(came);
		errno = answer.head.error;
		return -1;
	}
	if (out)
		memcpy(out, answer.bytes, (size_t)received - sizeof(answer.head));
	return (ssize_t)answer.head.length;
}

static bool say(struct reach *reach, const struct reader_request *request, const void *bytes, size_t length, int along)
{
	struct {
		struct reader_request head;
		char bytes[READER_BYTES_MAX];
	} message = {.head = *request};

	if (!connect_reader(reach))
		return false;
	if (length > 0)
		memcpy(message.bytes, bytes, length);
	if (message_send(reach->connection, &message, sizeof(message.head) + length, &along, along >= 0) == 0)
		return true;
	reach_end(reach);
	errno = EPERM;
	return false;
}

ssize_t reach_read(struct reach *reach, pid_t tid, const struct iovec *pieces, size_t count, void *out, size_t length)
{
	struct reader_request request = {.operation = READER_READ, .tid = tid, .count = (uint32_t)count};
	struct message_descriptors came = {.count = 0};
	ssize_t done;

	if (reach->channel < 0)
		return read_ourselves(tid, pieces, count, out, length);
	if (count > REACH_PIECES_MAX) {
		errno = EINVAL;
		return -1;
	}
	request.length = length < READER_BYTES_MAX ? length : READER_BYTES_MAX;
	memcpy(request.pieces, pieces, count * sizeof(*pieces));
	if (!say(reach, &request, NULL, 0, -1))
		return -1;
	done = hear(reach, out, request.length, &came);
	message_close(&came);
	return done;
}

ssize_t reach_write(struct reach *reach, pid_t tid, uint64_t address, const void *bytes, size_t length)
{
	struct reader_request request = {.operation = READER_WRITE, .tid = tid, .count = 1};
	struct message_descriptors came = {.count = 0};
	ssize_t done;

	if (reach->channel < 0)
		return write_ourselves(tid, address, bytes, length);
	request.length = length < READER_BYTES_MAX ? length : READER_BYTES_MAX;
	request.pieces[0] = (struct iovec){.iov_base = (void *)(uintptr_t)address, .iov_len = request.length};
	if (!say(reach, &request, bytes, request.length, -1))
		return -1;
	done = hear(reach, NULL, 0, &came);
	message_close(&came);
	return done;
}

int reach_take(struct reach *reach, int pidfd, int number)
{
	const struct reader_request request = {.operation = READER_TAKE, .number = number};
	struct message_descriptors came = {.count = 0};
	int taken;

	if (reach->channel < 0)
		return (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (!say(reach, &request, NULL, 0, pidfd) || hear(reach, NULL, 0, &came) < 0)
		return -1;
	taken = message_take(&came);
	message_close(&came);
	if (taken < 0)
		errno = EPERM;
	return taken;
}
