// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_line.c - numbers and strings of a line read as printf() would have them,
 * and nothing is cut at, before or after the end of its room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "line.h"
#include "util.h"

static char *text;
static size_t size;
static FILE *out;

static void begin(struct linebuf *l)
{
	out = open_memstream(&text, &size);
	assert_non_null(out);
	line_begin(l, out);
}

static void expect(struct linebuf *l, const char *wanted)
{
	line_write(l);
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_numbers(void **state)
{
	struct linebuf l;

	(void)state;
	begin(&l);
	line_u64(&l, 0, 0, ' ');
	line_u64(&l, 7, 3, ' ');
	line_u64(&l, 42, 6, '0');
	line_u64(&l, UINT64_MAX, 5, ' ');
	line_char(&l, ' ');
	line_s64(&l, INT64_MIN);
	line_s64(&l, -1);
	line_char(&l, ' ');
	line_hex(&l, 0);
	line_hex(&l, 0x10);
	line_hex(&l, UINT64_MAX);
	line_fill(&l, '-', 3);
	expect(&l, "0  700004218446744073709551615 -9223372036854775808-1 0x00x100xffffffffffffffff---");
}

static void test_strings(void **state)
{
	static const char full[4] = { 'a', 'b', 'c', 'd' };
	struct linebuf l;

	(void)state;
	begin(&l);
	assert_int_equal(line_escaped(&l, full, sizeof(full)), 4);
	assert_int_equal(line_escaped(&l, "", 4), 0);
	assert_int_equal(line_escaped(&l, "\n", 4), 4);
	assert_int_equal(line_escaped(&l, "a\\b", 16), 4);
	assert_int_equal(line_escaped(&l, "\xc3\xa9", 16), 1);
	line_str(&l, "!");
	expect(&l, "abcd\\x0aa\\\\b\xc3\xa9!");
}

/* Every length: words that are copied at once overlap, and the room is used up. */
static void test_long(void **state)
{
	char piece[3 * LINE_ROOM + 8], *wanted;
	struct linebuf l;

	(void)state;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = 'a' + i % 26;
	for (size_t len = 0; len < sizeof(piece); len++) {
		begin(&l);
		line_add(&l, piece, len);
		line_char(&l, '|');
		line_add(&l, piece, len);
		line_fill(&l, '.', 19);
		assert_true(asprintf(&wanted, "%.*s|%.*s...................", (int)len, piece, (int)len, piece) > 0);
		expect(&l, wanted);
		free(wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
