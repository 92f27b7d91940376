/* SPDX-License-Identifier: PostgreSQL */
/* near.c - see near.h. */
#include <string.h>
#include <strings.h>

#include "near.h"

#define WORD_MAX 64

size_t
near_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b), diag, up;

	la = la < WORD_MAX ? la : WORD_MAX;
	lb = lb < WORD_MAX ? lb : WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		diag = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			up = row[j];
			diag += strncasecmp(a + i - 1, b + j - 1, 1) != 0;
			if (up + 1 < diag)
				diag = up + 1;
			if (row[j - 1] + 1 < diag)
				diag = row[j - 1] + 1;
			row[j] = diag;
			diag = up;
		}
	}
	return row[lb];
}

void
near_try(struct near *n, const char *name)
{
	size_t d = near_distance(n->word, name);
	size_t a = strlen(n->word), b = strlen(name);

	/* Of short words most are near to each other. */
	if (d <= 1 + (a < b ? a : b) / 4 && (n->best == NULL || d < n->distance)) {
		n->best = name;
		n->distance = d;
	}
}
