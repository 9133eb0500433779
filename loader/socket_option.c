#include "socket_option.h"

#include <sys/socket.h>

int socket_option(int descriptor, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}
