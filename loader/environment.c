#include "environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool same_name(const char *variable, const char *setting)
{
	size_t length;

	if (*variable != *setting) /* as most */
		return false;
	length = strcspn(setting, "=");
	return strncmp(variable, setting, length) == 0 && variable[length] == '=';
}

static bool is_set_anew(const char *variable, char *const *settings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same_name(variable, settings[i]))
			return true;
	return false;
}

char **environment_with(char *const *environment, char *const *settings, size_t count)
{
	size_t variables = 0;
	size_t used = 0;
	char **result;

	while (environment[variables])
		variables++;
	result = calloc(variables + count + 1, sizeof(*result));
	if (!result)
		return NULL;
	for (size_t i = 0; i < variables; i++)
		if (!is_set_anew(environment[i], settings, count))
			result[used++] = environment[i];
	for (size_t i = 0; i < count; i++)
		result[used++] = settings[i];
	return result;
}
