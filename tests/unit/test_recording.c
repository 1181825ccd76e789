// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_recording.c - records into a file and back, and what becomes of files
 * that are cut off, bent or not ours. Link with src/schema.c, recording.c,
 * model*.c and -lcmocka.
 */
#include "world.h"

#include "../../src/source.h"
#include "../../src/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 32 /* before the schema block */

static char path[64];

struct seen {
	unsigned int n, gaps, ends;
	int stop_at; /* return 42 at this record; 0: never */
	char why[128];
	struct model *model;
};

static int on_record(void *ctx, const struct record *r)
{
	struct seen *s = ctx;

	s->n++;
	s->ends += r->h->type == EV_end;
	if (r->h->type == EV_gap) {
		s->gaps++;
		snprintf(s->why, sizeof(s->why), "%s", ((const struct ev_gap *)r->h)->why);
	}
	if (s->model)
		assert_int_equal(model_apply(s->model, r), 0);
	return s->stop_at && (int)s->n == s->stop_at ? 42 : 0;
}

static void write_tape(const struct tape *t, __u64 lost)
{
	struct recording *rec;
	struct record r;

	unlink(path);
	assert_int_equal(recording_create(&rec, path, false), 0);
	for (unsigned int i = 0; i < t->n; i++) {
		assert_true(record_decode(t->bytes + t->at[i], t->at[t->n] - t->at[i], &r) > 0);
		assert_int_equal(recording_write(rec, &r), 0);
	}
	assert_int_equal(recording_close(rec, lost), 0);
}

static unsigned char *slurp(size_t *ret_len)
{
	struct stat st;
	unsigned char *buf;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0 && !fstat(fd, &st));
	buf = malloc(st.st_size);
	assert_non_null(buf);
	assert_int_equal(read(fd, buf, st.st_size), st.st_size);
	close(fd);
	*ret_len = st.st_size;
	return buf;
}

/* Where the first record starts. */
static size_t head_size(void)
{
	size_t len;

	schema_text(&len);
	return HEAD_BYTES + len;
}

static void what_goes_in_comes_out(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_watched(&w);
	struct seen s = { .model = model_new() };
	struct findings f;
	struct stat st;

	(void)state;
	write_tape(t, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size % 8, 0);
	assert_int_equal(replay_file(path, on_record, &s), 0);
	assert_int_equal(s.n, t->n + 1);
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.gaps, 0);
	assert_true(model_complete(s.model));
	assert_int_equal(verdicts_judge(s.model, NULL, &f), 0);
	assert_string_equal(f.f[0].verdict->name, "deadlock");
	assert_int_equal(f.f[0].answer, ANSWER_YES);
	findings_free(&f);
	model_free(s.model);
	free(t);
}

static void a_copy_is_the_same(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_watched(&w);
	struct seen s = { 0 };
	struct ev_end *end;

	(void)state;
	end = tape_add(t, EV_end, 0); /* as when a recording is written again */
	end->records = 999;
	write_tape(t, 0);
	assert_int_equal(replay_file(path, on_record, &s), 0);
	assert_int_equal(s.n, t->n);
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.gaps, 0);
	free(t);
}

static void the_loss_is_in_the_end(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_looked_back(&w);
	struct seen s = { .model = model_new() };

	(void)state;
	write_tape(t, 7);
	assert_int_equal(replay_file(path, on_record, &s), 0);
	assert_int_equal(model_lost(s.model), 7);
	assert_false(model_complete(s.model));
	model_free(s.model);
	free(t);
}

static void nothing_is_overwritten(void **state)
{
	struct tape *t = tape_new();
	unsigned char *before, *after;
	struct recording *rec;
	size_t len, len_after;

	(void)state;
	tape_session(t, true);
	write_tape(t, 0);
	assert_int_equal(recording_create(&rec, path, false), -EEXIST);
	before = slurp(&len);
	assert_int_equal(recording_create(&rec, path, true), 0);
	recording_discard(rec, path); /* and an old one is there until there is a new one */
	after = slurp(&len_after);
	assert_int_equal(len, len_after);
	assert_memory_equal(before, after, len);
	free(before);
	free(after);
	assert_int_equal(recording_create(&rec, path, true), 0);
	assert_int_equal(recording_close(rec, 0), 0);
	assert_int_equal(recording_create(&rec, "/no/such/folder/x", false), -ENOENT);
	free(t);
}

static void a_full_disk_is_reported(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_watched(&w);
	struct recording *rec;
	struct record r;
	int err = 0;

	(void)state;
	assert_int_equal(recording_create(&rec, "/dev/full", true), 0);
	assert_true(record_decode(t->bytes, t->at[t->n], &r) > 0);
	for (int i = 0; i < 10000 && !err; i++)
		err = recording_write(rec, &r);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(recording_write(rec, &r), -ENOSPC);
	assert_int_equal(recording_close(rec, 0), -ENOSPC);
	/* little enough to fail only when it is closed */
	assert_int_equal(recording_create(&rec, "/dev/full", true), 0);
	assert_int_equal(recording_write(rec, &r), 0);
	assert_int_equal(recording_close(rec, 0), -ENOSPC);
	free(t);
}

static void cut_off_anywhere(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_watched(&w);
	unsigned char *buf;
	size_t len;

	(void)state;
	write_tape(t, 0);
	buf = slurp(&len);
	for (size_t cut = 0; cut < len; cut++) {
		struct seen s = { .model = model_new() };
		struct findings f;
		int err = replay_memory(buf, cut, on_record, &s);

		if (cut < HEAD_BYTES) {
			assert_int_equal(err, -ENODATA);
			assert_int_equal(s.n, 0);
		} else {
			assert_int_equal(err, cut < head_size() ? -EBADMSG : 0);
			assert_int_equal(s.gaps, 1);
			assert_int_equal(s.ends, 0);
			assert_false(model_complete(s.model));
		}
		assert_int_equal(verdicts_judge(s.model, NULL, &f), 0);
		for (unsigned int i = 0; i < f.n; i++)
			if (!strcmp(f.f[i].verdict->name, "deadlock"))
				assert_int_equal(f.f[i].answer, ANSWER_CANNOT_TELL);
		findings_free(&f);
		model_free(s.model);
	}
	free(buf);
	free(t);
}

static void a_record_cut_out_is_missed(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_looked_back(&w);
	size_t from = head_size() + t->at[3], to = head_size() + t->at[4], len;
	struct seen s = { 0 };
	unsigned char *buf;

	(void)state;
	write_tape(t, 0);
	buf = slurp(&len);
	memmove(buf + from, buf + to, len - to);
	assert_int_equal(replay_memory(buf, len - (to - from), on_record, &s), 0);
	assert_int_equal(s.gaps, 1);
	assert_non_null(strstr(s.why, "should have"));
	free(buf);
	free(t);
}

static void bent_bytes(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_looked_back(&w);
	struct fdpin_hdr *h;
	unsigned char *buf;
	size_t len;

	(void)state;
	write_tape(t, 0);
	buf = slurp(&len);
	h = (void *)(buf + head_size() + t->at[2]);
	h->size += 8;
	for (int shift = 0; shift < 2; shift++) { /* aligned or not, it is the same */
		struct seen s = { 0 };
		unsigned char *copy = malloc(len + 8);

		assert_non_null(copy);
		memcpy(copy + shift, buf, len);
		assert_int_equal(replay_memory(copy + shift, len, on_record, &s), -EBADMSG);
		assert_int_equal(s.n, 3); /* two good ones, and a gap */
		assert_int_equal(s.gaps, 1);
		free(copy);
	}
	h->size -= 8;
	h->type = EV__max;
	struct seen s = { 0 };

	assert_int_equal(replay_memory(buf, len, on_record, &s), -EBADMSG);
	free(buf);

	/* something behind the end */
	write_tape(t, 0);
	buf = slurp(&len);
	buf = realloc(buf, len + 64);
	assert_non_null(buf);
	memset(buf + len, 0, 64);
	s = (struct seen){ 0 };
	assert_int_equal(replay_memory(buf, len + 64, on_record, &s), -EBADMSG);
	assert_int_equal(s.gaps, 1);
	free(buf);
	free(t);
}

static void not_ours(void **state)
{
	struct tape *t = tape_new();
	struct seen s = { 0 };
	unsigned char *buf;
	size_t len;

	(void)state;
	tape_session(t, true);
	write_tape(t, 0);
	buf = slurp(&len);
	for (unsigned int at = 8; at < 16; at++) { /* order, version */
		buf[at] ^= 1;
		assert_int_equal(replay_memory(buf, len, on_record, &s), -EPROTO);
		buf[at] ^= 1;
	}
	buf[0] = 'X';
	assert_int_equal(replay_memory(buf, len, on_record, &s), -ENODATA);
	assert_int_equal(replay_memory("hello", 5, on_record, &s), -ENODATA);
	assert_int_equal(replay_memory(NULL, 0, on_record, &s), -ENODATA);
	assert_int_equal(replay_file("/no/such/file", on_record, &s), -ENOENT);
	assert_int_equal(replay_file("/", on_record, &s), -EISDIR);
	assert_int_equal(replay_file("/dev/null", on_record, &s), -ENODATA);
	assert_int_equal(s.n, 0);
	free(buf);
	free(t);
}

/* Any bit of the fingerprint, of where records start, of the schema block. */
static void a_damaged_schema(void **state)
{
	struct tape *t = tape_new();
	__u32 first = HEAD_BYTES;
	unsigned char *buf;
	struct seen s = { 0 };
	size_t len;

	(void)state;
	tape_session(t, true);
	write_tape(t, 0);
	buf = slurp(&len);
	for (size_t bit = 16 * 8; bit < head_size() * 8; bit++) {
		if (bit / 8 >= 24 && bit / 8 < HEAD_BYTES)
			continue; /* says nothing yet */
		buf[bit / 8] ^= 1 << bit % 8;
		s = (struct seen){ 0 };
		assert_int_equal(replay_memory(buf, len, on_record, &s), -EBADMSG);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.gaps, 1);
		buf[bit / 8] ^= 1 << bit % 8;
	}
	s = (struct seen){ 0 };
	memcpy(buf + 20, &first, sizeof(first)); /* no block at all */
	assert_int_equal(replay_memory(buf, len, on_record, &s), -EPROTO);
	assert_int_equal(s.n, 0);
	free(buf);
	free(t);
}

static void the_reader_may_stop(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_looked_back(&w);
	struct seen s = { .stop_at = 3 };

	(void)state;
	write_tape(t, 0);
	assert_int_equal(replay_file(path, on_record, &s), 42);
	assert_int_equal(s.n, 3);
	free(t);
}

/* More than the buffer that reads it: records lie across its end. */
static void longer_than_the_buffer(void **state)
{
	struct tape *t = tape_new();
	struct recording *rec;
	struct seen s = { 0 };
	struct record r;

	(void)state;
	tape_session(t, true);
	tape_block(t, C1, CLASS_WORKER, W1, Q1);
	unlink(path);
	assert_int_equal(recording_create(&rec, path, false), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		assert_true(record_decode(t->bytes + t->at[i % 2], t->at[2] - t->at[i % 2], &r) > 0);
		assert_int_equal(recording_write(rec, &r), 0);
	}
	assert_int_equal(recording_close(rec, 0), 0);
	assert_int_equal(replay_file(path, on_record, &s), 0);
	assert_int_equal(s.n, 5001);
	assert_int_equal(s.gaps, 0);
	free(t);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_goes_in_comes_out),
		T(a_copy_is_the_same),
		T(the_loss_is_in_the_end),
		T(nothing_is_overwritten),
		T(a_full_disk_is_reported),
		T(cut_off_anywhere),
		T(a_record_cut_out_is_missed),
		T(bent_bytes),
		T(not_ours),
		T(a_damaged_schema),
		T(the_reader_may_stop),
		T(longer_than_the_buffer),
	};
	int failed;

	snprintf(path, sizeof(path), "/tmp/test_recording.%d.fdpin", (int)getpid());
	failed = cmocka_run_group_tests_name("recording", tests, NULL, NULL);
	unlink(path);
	return failed;
}
