// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_util.c - what people type is parsed strictly; what comes from the
 * kernel is shown harmlessly; sizes, durations and ids read as they should.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "seen.h"
#include "util.h"

static void numbers(void **state)
{
	static const char *const bad[] = { "", " 1", "+1", "-1", "1 ", "0x", "1x", "0x1g", "18446744073709551616" };
	__u64 v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(parse_u64(bad[i], &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(parse_u64("18446744073709551615", &v), 0);
	assert_true(v == ~0ULL);
	assert_int_equal(parse_u64("0xff", &v), 0);
	assert_int_equal(v, 255);
}

static void durations(void **state)
{
	static const char *const bad[] = { "",	   "5",		  "1.", ".5s", "1 s", "-1s", "5S", "1.0000000001s",
					   "1e3s", "99999999999h" };
	static const struct {
		const char *text;
		__u64 ns;
	} good[] = {
		{ "0", 0 },
		{ "10us", 10000 },
		{ "1.5ms", 1500000 },
		{ "0.000000001s", 1 },
		{ "90s", 90000000000ULL },
		{ "5m", 300000000000ULL },
		{ "1h", 3600000000000ULL },
	};
	__u64 v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(parse_duration(bad[i], &v), 0);
	assert_int_equal(v, 7);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(parse_duration(good[i].text, &v), 0);
		assert_true(v == good[i].ns);
	}
}

static void lists(void **state)
{
	struct u32_list list = {};
	char *bad = NULL;

	(void)state;
	assert_int_equal(parse_u32_list("1,4294967295,1", &list, &bad), 0);
	assert_int_equal(list.n, 2);
	assert_true(u32_list_has(&list, 4294967295u));
	assert_int_not_equal(parse_u32_list("3,x4,5", &list, &bad), 0);
	assert_string_equal(bad, "x4");
	free(bad);
	assert_int_not_equal(parse_u32_list("3,,5", &list, &bad), 0);
	assert_string_equal(bad, "");
	free(bad);
	assert_int_not_equal(parse_u32_list("0", &list, &bad), 0);
	free(bad);
	u32_list_free(&list);
}

static void shows(const char *raw, const char *shown)
{
	_cleanup_free_ char *s = escape_text(raw, 64);

	assert_string_equal(s, shown);
}

static void hostile_strings(void **state)
{
	_cleanup_free_ char *cut = NULL;

	(void)state;
	shows("qemu-system-x86", "qemu-system-x86");
	shows("a\033[31mb\n", "a\\x1b[31mb\\x0a");
	shows("back\\slash", "back\\\\slash");
	shows("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	shows("\xc2\x9b"
	      "31m",
	      "\\xc2\\x9b31m"); /* CSI in C1 */
	shows("a\xe2\x80\xae"
	      "b",
	      "a\\xe2\\x80\\xaeb");					     /* right-to-left override */
	shows("\xc0\xaf\xed\xa0\x80\xff", "\\xc0\\xaf\\xed\\xa0\\x80\\xff"); /* overlong, surrogate, no UTF-8 */
	shows("\xe2\x82", "\\xe2\\x82");				     /* cut off */
	cut = escape_text("gr\xc3\xbc", 3); /* a comm that was cut in the middle of a character */
	assert_string_equal(cut, "gr\\xc3");
	escape_text_ascii(true);
	shows("gr\xc3\xbc", "gr\\xc3\\xbc");
	escape_text_ascii(false);
}

static void sizes_and_times(void **state)
{
	static const struct {
		__u64 v;
		const char *text;
	} sizes[] = {
		{ 0, "0" }, { 1023, "1023" }, { 4096, "4K" }, { 1536, "1.5K" }, { 1048575, "1M" }, { 54945382, "52.4M" },
		{ 8ULL << 30, "8G" }, { ~0ULL, "16E" },
	}, times[] = {
		{ 0, "0ns" }, { 850, "850ns" }, { 21600000, "21.6ms" }, { 1004000000, "1.00s" }, { 812000000000, "13m32s" },
		{ 7500000000000, "2h05m" }, { 273600000000000, "3d04h" },
	};
	char buf[FORMAT_MAX], when[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_string_equal(format_bytes(sizes[i].v, buf), sizes[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		assert_string_equal(format_duration(times[i].v, buf), times[i].text);
	assert_string_equal(format_rfc3339(1795562855131446120ULL, when, sizeof(when)),
			    "2026-11-24T23:27:35.131446120Z");
}

static void decimals(void **state)
{
	char expected[32], buf[32];

	(void)state;
	for (__u64 power = 1;; power *= 10) {
		for (int d = -1; d <= 1; d++) {
			snprintf(expected, sizeof(expected), "%llu", power + d);
			*append_decimal(buf, power + d) = '\0';
			assert_string_equal(buf, expected);
		}
		if (power > ~0ULL / 10)
			break;
	}
	*append_decimal(buf, ~0ULL) = '\0';
	assert_string_equal(buf, "18446744073709551615");
}

static void ids(void **state)
{
	unsigned int bits = 0;
	char buf[ID_NAME_MAX];
	__u64 id = 0;

	(void)state;
	assert_string_equal(id_name(OBJ_CONTAINER, 0, buf), "-");
	assert_string_equal(id_name(OBJ_CONTAINER, 0x1234000000003c1eULL, buf), "vfio-3c1e");
	assert_string_equal(id_name(OBJ_WORK, 0x3c1e, buf), "work-3c1e");
	/* Another container with the same four digits: from now on eight, for both. */
	assert_string_equal(id_name(OBJ_CONTAINER, 0x1234000000013c1eULL, buf), "vfio-00013c1e");
	assert_string_equal(id_name(OBJ_CONTAINER, 0x1234000000003c1eULL, buf), "vfio-00003c1e");
	assert_string_equal(id_name(OBJ_WORK, 0x3c1e, buf), "work-3c1e");
	assert_int_equal(parse_container("vfio-3c1e", &id, &bits), 0);
	assert_true(id == 0x3c1e && bits == 16);
	assert_int_equal(parse_container("00013c1e", &id, &bits), 0);
	assert_true(id == 0x13c1e && bits == 32);
	assert_int_not_equal(parse_container("vfio-3c1", &id, &bits), 0);
	assert_int_not_equal(parse_container("vfio--c1e", &id, &bits), 0);
}

/* More than a table begins with, each once; and what was forgotten is new again. */
static void seen_before(void **state)
{
	struct seen *seen = NULL;

	(void)state;
	for (int again = 0; again < 2; again++)
		for (__u64 id = 1; id <= 1000; id++)
			assert_int_equal(seen_add(&seen, id << 32), again);
	seen_free(&seen);
	assert_null(seen);
	assert_int_equal(seen_add(&seen, 1ULL << 32), 0);
	seen_free(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),	   cmocka_unit_test(durations),	      cmocka_unit_test(lists),
		cmocka_unit_test(hostile_strings), cmocka_unit_test(sizes_and_times), cmocka_unit_test(decimals), cmocka_unit_test(ids), cmocka_unit_test(seen_before),
	};

	return cmocka_run_group_tests_name("util", tests, NULL, NULL);
}
