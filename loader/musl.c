#include "musl.h"

#include <signal.h>

#undef strerror
#undef vsnprintf

/* The errors whose text is another in glibc, as far as any call of ours can have them. */
static const struct {
	int error;
	const char *text;
} texts[] = {
    {EIO, "Input/output error"},
    {ENOMEM, "Cannot allocate memory"},
    {EBUSY, "Device or resource busy"},
    {EXDEV, "Invalid cross-device link"},
    {ENFILE, "Too many open files in system"},
    {EMFILE, "Too many open files"},
    {ENOTTY, "Inappropriate ioctl for device"},
    {ERANGE, "Numerical result out of range"},
    {ENAMETOOLONG, "File name too long"},
    {ELOOP, "Too many levels of symbolic links"},
    {ENOTSOCK, "Socket operation on non-socket"},
    {ENOPROTOOPT, "Protocol not available"},
    {EOPNOTSUPP, "Operation not supported"},
    {ETIMEDOUT, "Connection timed out"},
    {EDQUOT, "Disk quota exceeded"},
};

const char *musl_error_text(int error)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].error == error)
			return texts[i].text;
	return strerror(error);
}

int musl_vsnprintf(char *out, size_t size, const char *format, va_list arguments)
{
	const char *at = strstr(format, "%m");
	char whole[512];

	if (at && (size_t)snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(at - format), format, musl_error_text(errno),
				   at + 2) < sizeof(whole))
		format = whole;
	return vsnprintf(out, size, format, arguments);
}

const char *musl_error_name(int error)
{
	switch (error) {
	case EPERM:
		return "EPERM";
	case EACCES:
		return "EACCES";
	case ENOSYS:
		return "ENOSYS";
	default:
		return NULL;
	}
}

#define SIGNAL(name) [SIG##name] = #name

const char *musl_signal_name(int signal)
{
	static const char *const names[] = {
	    SIGNAL(HUP),  SIGNAL(INT),    SIGNAL(QUIT), SIGNAL(ILL),  SIGNAL(TRAP),   SIGNAL(ABRT), SIGNAL(BUS),
	    SIGNAL(FPE),  SIGNAL(KILL),   SIGNAL(USR1), SIGNAL(SEGV), SIGNAL(USR2),   SIGNAL(PIPE), SIGNAL(ALRM),
	    SIGNAL(TERM), SIGNAL(STKFLT), SIGNAL(CHLD), SIGNAL(CONT), SIGNAL(STOP),   SIGNAL(TSTP), SIGNAL(TTIN),
	    SIGNAL(TTOU), SIGNAL(URG),    SIGNAL(XCPU), SIGNAL(XFSZ), SIGNAL(VTALRM), SIGNAL(PROF), SIGNAL(WINCH),
	    SIGNAL(POLL), SIGNAL(PWR),    SIGNAL(SYS),
	};

	return signal > 0 && (size_t)signal < sizeof(names) / sizeof(names[0]) ? names[signal] : NULL;
}
