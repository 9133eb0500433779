#include "likeness.h"

#include <string.h>

static size_t difference(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t likeness_bound(size_t length)
{
	return smaller(length / 3 + 1, 4);
}

static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][LIKENESS_NAME_MAX];
	size_t width = strlen(b);

	for (size_t j = 0; j <= width; j++)
		rows[0][j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

			row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][width];
}

size_t likeness_distance(const char *a, const char *b, size_t bound)
{
	size_t length = strlen(a);
	size_t width = strlen(b);

	if (length >= LIKENESS_NAME_MAX || width >= LIKENESS_NAME_MAX || difference(length, width) >= bound)
		return bound;
	return smaller(edit_distance(a, b), bound);
}
