#include "sending.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "detached.h"
#include "netlink.h"
#include "socket_option.h"

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

/* It is tried, as nothing tells: a message in the name of the first process, which there always is. */
bool sending_may_claim(const struct credentials *own)
{
	const struct ucred first = {.pid = 1, .uid = own->ruid, .gid = own->rgid};
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control = {
	    .item = {.cmsg_len = CMSG_LEN(sizeof(first)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS}};
	struct iovec piece = {.iov_base = "", .iov_len = 1};
	const struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	int pair[2];
	bool may;

	if ((own->permitted & SENDING_CLAIM) != SENDING_CLAIM ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	memcpy(CMSG_DATA(&control.item), &first, sizeof(first));
	may = sendmsg(pair[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
	close(pair[0]);
	close(pair[1]);
	return may;
}

int sending_read_address(const struct memory *memory, uint64_t where, uint64_t length, bool is_unix,
			 struct address *address)
{
	int signed_length = (int)(uint32_t)length; /* an int: its low 32 bits count */
	int error;

	*address = (struct address){.length = 0};
	if (signed_length < 0 || (size_t)signed_length > ADDRESS_MAX)
		return EINVAL;
	error = memory_read(memory, where, address->bytes, (size_t)signed_length);
	if (error)
		return error;
	address->length = (socklen_t)signed_length;
	return address_parse(address, is_unix);
}

static bool is_of_type(const struct sender *sender, int type)
{
	return socket_option(sender->socket, SO_TYPE) == type;
}

/* A Unix datagram socket: on any other an address is an error, or passed over. */
static bool is_addressed(const struct sender *sender)
{
	return sender->is_unix && is_of_type(sender, SOCK_DGRAM);
}

/* Does it end where no process has memory? */
static bool is_beyond(const struct iovec *piece)
{
	return (uintptr_t)piece->iov_base + piece->iov_len > (uintptr_t)INTPTR_MAX;
}

static int read_pieces(const struct sender *sender, const struct msghdr *header, struct sending *sending)
{
	size_t size;
	int error;

	if (header->msg_iovlen > SENDING_PIECES_MAX)
		return EMSGSIZE;
	sending->piece_count = header->msg_iovlen;
	size = sending->piece_count * sizeof(struct iovec);
	sending->pieces = sending->piece_count <= SENDING_PIECES_FEW
			      ? sending->few_pieces
			      : calloc(sending->piece_count, sizeof(struct iovec));
	if (!sending->pieces)
		return ENOBUFS;
	error = memory_read(&sender->memory, (uint64_t)(uintptr_t)header->msg_iov, sending->pieces, size);
	for (size_t i = 0; !error && i < sending->piece_count; i++) {
		size_t length = sending->pieces[i].iov_len;

		if (length > SSIZE_MAX)
			return EINVAL;
		/* As __import_iovec, which asks this of the whole length, but of a piece that is the only one. */
		if (sending->piece_count > 1 && is_beyond(&sending->pieces[i]))
			return EFAULT;
		/* As import_iovec: what goes beyond MAX_RW_COUNT is cut off. */
		if (length > (INT32_MAX & ~0xfffU) - sending->total)
			sending->pieces[i].iov_len = length = (INT32_MAX & ~0xfffU) - sending->total;
		sending->total += length;
	}
	return error;
}

/* A descriptor of the target's, as our own. */
static int take_descriptor(const struct sender *sender, int number, struct sending *sending)
{
	int taken;

	if (sending->descriptor_count == SENDING_DESCRIPTORS_MAX)
		return -EINVAL;
	taken = reach_take(sender->memory.reach, sender->thread, number);
	if (taken < 0)
		return errno == EBADF ? -EBADF : -EACCES;
	sending->descriptors[sending->descriptor_count++] = taken;
	return taken;
}

static int take_rights(const struct sender *sender, struct cmsghdr *item, struct sending *sending)
{
	size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int *numbers = (int *)(void *)CMSG_DATA(item);

	for (size_t i = 0; i < count; i++) {
		int taken = take_descriptor(sender, numbers[i], sending);

		if (taken < 0)
			return -taken;
		numbers[i] = taken;
	}
	return 0;
}

static bool has(const struct sender *sender, unsigned capability)
{
	return sender->credentials->effective & (1ULL << capability);
}

static bool is_uid_of(const struct credentials *credentials, uid_t uid)
{
	return uid == credentials->ruid || uid == credentials->euid || uid == credentials->suid;
}

static bool is_gid_of(const struct credentials *credentials, gid_t gid)
{
	return gid == credentials->rgid || gid == credentials->egid || gid == credentials->sgid;
}

/* What a target says of itself: only what the kernel would believe of it (scm_check_creds). */
static int check_claim(const struct sender *sender, struct cmsghdr *item, struct sending *sending)
{
	const struct credentials *credentials = sender->credentials;
	struct ucred *claim = &sending->claim;

	if (item->cmsg_len != CMSG_LEN(sizeof(*claim)))
		return EINVAL;
	memcpy(claim, CMSG_DATA(item), sizeof(*claim));
	if (claim->uid == (uid_t)-1 || claim->gid == (gid_t)-1)
		return EINVAL;
	if (claim->pid == credentials->ns_tgid)
		claim->pid = credentials->tgid;
	else if (!has(sender, CAP_SYS_ADMIN) || credentials->ns_tgid != credentials->tgid)
		return EPERM;
	if ((!is_uid_of(credentials, claim->uid) && !has(sender, CAP_SETUID)) ||
	    (!is_gid_of(credentials, claim->gid) && !has(sender, CAP_SETGID)))
		return EPERM;
	sending->has_claim = true;
	return 0;
}

/*
 * The control data of a Unix socket begins with the target's ids: without them the kernel would
 * show our real ones. Where that is not to be had, they are the same but for the pid.
 */
static void begin_control(const struct sender *sender, struct sending *sending)
{
	const struct credentials *credentials = sender->credentials;
	struct cmsghdr *item = (struct cmsghdr *)(void *)sending->control;
	struct ucred claim = {.pid = credentials->tgid, .uid = credentials->ruid, .gid = credentials->rgid};

	if (!sender->may_claim)
		return;
	if (sending->has_claim)
		claim = sending->claim;
	memmove(sending->control + CMSG_SPACE(sizeof(claim)), sending->control, sending->control_length);
	*item = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(claim)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
	memcpy(CMSG_DATA(item), &claim, sizeof(claim));
	sending->control_length += CMSG_SPACE(sizeof(claim));
}

/* Goes through the copied control data of a Unix socket, in place. */
static int translate(const struct sender *sender, struct sending *sending)
{
	struct msghdr message = {.msg_control = sending->control, .msg_controllen = sending->control_length};
	size_t kept = 0;

	for (struct cmsghdr *item = CMSG_FIRSTHDR(&message), *next; item; item = next) {
		size_t space = CMSG_ALIGN(item->cmsg_len);
		size_t place = (size_t)((char *)item - sending->control);
		int error = 0;

		if (item->cmsg_len < sizeof(*item) || item->cmsg_len > sending->control_length - place)
			return EINVAL;
		if (space > sending->control_length - place)
			space = sending->control_length - place;
		next = CMSG_NXTHDR(&message, item);
		if (item->cmsg_level != SOL_SOCKET)
			continue; /* the kernel passes over it, and so it is left out */
		if (item->cmsg_type == SCM_CREDENTIALS) {
			error = check_claim(sender, item, sending);
			if (error)
				return error;
			continue;
		}
		if (item->cmsg_type != SCM_RIGHTS)
			return EINVAL;
		error = take_rights(sender, item, sending);
		if (error)
			return error;
		memmove(sending->control + kept, item, space);
		kept += space;
	}
	sending->control_length = kept;
	return 0;
}

/* Room for a copy of length bytes, and for the ids in front, zeroed. */
static int make_control(size_t length, struct sending *sending)
{
	size_t size = length + CMSG_SPACE(sizeof(struct ucred)) + sizeof(struct cmsghdr);

	sending->control = size <= sizeof(sending->few_control) ? sending->few_control : calloc(1, size);
	return sending->control ? 0 : ENOBUFS;
}

static int read_control(const struct sender *sender, const struct msghdr *header, struct sending *sending)
{
	int error;

	if (header->msg_controllen > SENDING_CONTROL_MAX)
		return ENOBUFS;
	error = make_control(header->msg_controllen, sending);
	if (error)
		return error;
	sending->control_length = header->msg_controllen;
	error = memory_read(&sender->memory, (uint64_t)(uintptr_t)header->msg_control, sending->control,
			    sending->control_length);
	if (error || !sender->is_unix)
		return error;
	error = translate(sender, sending);
	if (!error)
		begin_control(sender, sending);
	return error;
}

int sending_from_buffer(const struct sender *sender, uint64_t buffer, uint64_t length, int flags, uint64_t address,
			uint64_t address_length, struct sending *sending)
{
	*sending = (struct sending){.flags = flags};
	sending->pieces = sending->few_pieces;
	if (length > INT32_MAX)
		length = INT32_MAX & ~0xfffU; /* MAX_RW_COUNT */
	sending->pieces[0] = (struct iovec){.iov_base = (void *)(uintptr_t)buffer, .iov_len = length};
	sending->piece_count = 1;
	sending->total = length;
	if (sender->is_unix) {
		if (make_control(0, sending) != 0)
			return ENOBUFS;
		begin_control(sender, sending);
	}
	if (!address)
		return 0;
	sending->has_place = true;
	if (memory_share_page(address, buffer))
		memory_look(&sender->memory, address, (uint32_t)address_length);
	return sending_read_address(&sender->memory, address, address_length, is_addressed(sender), &sending->address);
}

int sending_from_header(const struct sender *sender, uint64_t header, int flags, struct sending *sending)
{
	struct msghdr theirs;
	int error;

	*sending = (struct sending){.flags = flags};
	memory_look(&sender->memory, header, sizeof(theirs));
	error = memory_read(&sender->memory, header, &theirs, sizeof(theirs));
	if (error)
		return error;
	if (theirs.msg_name && theirs.msg_namelen) {
		/* Unlike sendto(2), longer ones are cut here: copy_msghdr_from_user. */
		uint32_t length = theirs.msg_namelen > ADDRESS_MAX ? (uint32_t)ADDRESS_MAX : theirs.msg_namelen;

		if ((int32_t)theirs.msg_namelen < 0)
			return EINVAL;
		error = sending_read_address(&sender->memory, (uint64_t)(uintptr_t)theirs.msg_name, length,
					     is_addressed(sender), &sending->address);
	}
	if (!error)
		error = read_pieces(sender, &theirs, sending);
	if (!error)
		error = read_control(sender, &theirs, sending);
	return error;
}

void sending_free(struct sending *sending)
{
	for (size_t i = 0; i < sending->descriptor_count; i++)
		close(sending->descriptors[i]);
	sending->descriptor_count = 0;
	if (sending->pieces != sending->few_pieces)
		free(sending->pieces);
	if (sending->control != sending->few_control)
		free(sending->control);
	sending->pieces = NULL;
	sending->control = NULL;
}

/* What cannot be carried out for another without the meaning of something in it becoming another as well. */
static ssize_t refuse(struct sending *sending, const char *reason)
{
	sending->refusal = reason;
	errno = EACCES;
	return -1;
}

static int protocol_of(const struct sender *sender)
{
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	return getsockopt(sender->socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 ? protocol : -1;
}

/* The kernel would show a process our real ids. */
static ssize_t send_netlink_to_process(const struct sender *sender, const struct sending *sending,
				       const struct msghdr *message)
{
	const struct ucred shown = {
	    .pid = getpid(), .uid = sender->credentials->euid, .gid = sender->credentials->egid};
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control = {
	    .item = {.cmsg_len = CMSG_LEN(sizeof(shown)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS}};
	struct msghdr whole = *message;

	memcpy(CMSG_DATA(&control.item), &shown, sizeof(shown));
	if (!whole.msg_control) {
		whole.msg_control = control.bytes;
		whole.msg_controllen = sizeof(control.bytes);
	}
	return sendmsg(sender->socket, &whole, sending->flags | MSG_NOSIGNAL);
}

static ssize_t send_netlink(const struct sender *sender, struct sending *sending, const struct msghdr *message)
{
	const struct credentials *credentials = sender->credentials;

	if (!netlink_is_to_kernel(sender->socket, message->msg_name, message->msg_namelen))
		return send_netlink_to_process(sender, sending, message);
	if (credentials->ns_tgid != credentials->tgid &&
	    !netlink_asks(protocol_of(sender), message->msg_iov->iov_base, message->msg_iov->iov_len))
		return refuse(sending, "netlink_of_pid_namespace");
	return detached_send(sender->socket, message, sending->flags | MSG_NOSIGNAL);
}

static ssize_t send_unix(const struct sender *sender, const struct sending *sending, const struct msghdr *message)
{
	/* The target's ids go along in a message of their own right: the real one is shown to nobody. */
	bool apart = message->msg_control && sending->descriptor_count > 0 && sender->may_claim &&
		     credentials_count_for(sender->user);
	ssize_t sent = sendmsg(sender->socket, message, sending->flags | MSG_NOSIGNAL);
	int error = errno;

	if (apart)
		credentials_count_again(sender->own);
	errno = error;
	return sent;
}

/* One sendmsg(2) of our own memory; first: with what goes along, once. */
static ssize_t send_part(const struct sender *sender, struct sending *sending, const struct sockaddr *address,
			 socklen_t length, void *bytes, size_t size, bool first)
{
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {
	    .msg_name = length ? (void *)address : NULL, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1};

	if (first) {
		message.msg_control = sending->control_length ? sending->control : NULL;
		message.msg_controllen = sending->control_length;
	}
	if (sender->domain == AF_NETLINK)
		return send_netlink(sender, sending, &message);
	if (sender->is_unix)
		return send_unix(sender, sending, &message);
	/* An address of no length is none to sendmsg(2), and to sendto(2) one that is too short. */
	if (length == 0 && sending->has_place)
		return sendto(sender->socket, bytes, size, sending->flags | MSG_NOSIGNAL, address, 0);
	return sendmsg(sender->socket, &message, sending->flags | MSG_NOSIGNAL);
}

static ssize_t send_whole(const struct sender *sender, struct sending *sending, const struct sockaddr *address,
			  socklen_t length, void *buffer)
{
	ssize_t gathered =
	    memory_gather(&sender->memory, sending->pieces, sending->piece_count, 0, buffer, sending->total);

	if (gathered < 0)
		return -1;
	if ((size_t)gathered != sending->total) {
		errno = EFAULT;
		return -1;
	}
	return send_part(sender, sending, address, length, buffer, sending->total, true);
}

static ssize_t send_stream(const struct sender *sender, struct sending *sending, const struct sockaddr *address,
			   socklen_t length, void *buffer)
{
	size_t done = 0;

	do {
		size_t size = sending->total - done < SENDING_CHUNK ? sending->total - done : SENDING_CHUNK;
		ssize_t gathered =
		    memory_gather(&sender->memory, sending->pieces, sending->piece_count, done, buffer, size);
		ssize_t sent = -1;

		/* What is not all there is not sent in part either: the kernel copies before it sends. */
		if (gathered >= 0 && (size_t)gathered < size)
			errno = EFAULT;
		else if (gathered >= 0)
			sent = send_part(sender, sending, address, length, buffer, size, done == 0);
		if (sent < 0)
			return done ? (ssize_t)done : -1;
		done += (size_t)sent;
		if ((size_t)sent < size)
			break; /* all that was there, or all that was taken */
	} while (done < sending->total);
	return (ssize_t)done;
}

/* By a copy in memory of that size, which has to be had. */
static ssize_t send_by(const struct sender *sender, struct sending *sending, const struct sockaddr *address,
		       socklen_t length, size_t room)
{
	void *buffer = malloc(room + 1);
	ssize_t sent;
	int error;

	if (!buffer) {
		errno = ENOBUFS;
		return -1;
	}
	if (room < sending->total)
		sent = send_stream(sender, sending, address, length, buffer);
	else
		sent = send_whole(sender, sending, address, length, buffer);
	error = errno;
	free(buffer);
	errno = error;
	return sent;
}

ssize_t sending_send(const struct sender *sender, struct sending *sending, const struct sockaddr *address,
		     socklen_t length)
{
	char few[SENDING_BYTES_FEW];
	size_t room = sending->total;

	/* Its control data has addresses of memory. */
	if (sender->domain == AF_RDS && sending->control_length > 0)
		return refuse(sending, "control_data_of_rds");
	/* Our copy is gone before the kernel is done with it: it is as if it could pin no memory. */
	if (sending->flags & MSG_ZEROCOPY) {
		errno = ENOBUFS;
		return -1;
	}
	if (room > SENDING_CHUNK && is_of_type(sender, SOCK_STREAM))
		room = SENDING_CHUNK;
	if (room > SENDING_MESSAGE_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	return room <= sizeof(few) ? send_whole(sender, sending, address, length, few)
				   : send_by(sender, sending, address, length, room);
}
