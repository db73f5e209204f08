/* SPDX-License-Identifier: ISC */

/*
 * With many finished execs; see parts.h.
 *
 * Ten thousand of them would take a minute to run, so one is run, and its
 * directory is written again under other names while no daemon looks.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/parts.h"
#include "bench/report.h"
#include "bench/rig.h"
#include "bench/talk.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/rand.h"

#define RETAINED 10000
#define ROUNDS 7
#define MAX_FILE (1u << 20)

static const char *const names[] = { "spec.json", "state.json", "out",
				     "timeline" };

struct model {
	char id[27];
	struct buf files[ARRAY_SIZE(names)];
};

static int
open_dir(const struct rig *rig, const char *id)
{
	AUTO_FREE char *path = xasprintf("%s/%s", rig->store, id);

	(void)mkdir(path, 0700);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
read_model(const struct rig *rig, struct model *model)
{
	AUTO_CLOSE int dir = open_dir(rig, model->id);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		buf_init(&model->files[i], MAX_FILE);
		if (fs_read_file(dir, names[i], &model->files[i], &err) < 0)
			give_up("%s", err.msg);
	}
}

static void
write_copy(const struct rig *rig, struct model *model, const char *id)
{
	AUTO_CLOSE int dir = open_dir(rig, id);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_CLOSE int fd = openat(
		    dir, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		struct buf *file = &model->files[i];
		char *at = file->len ? memmem(buf_bytes(file), file->len,
					      model->id, strlen(model->id))
				     : NULL;

		if (at)
			memcpy(at, id, strlen(id));
		if (write_full(fd, buf_bytes(file), file->len) < 0)
			give_up("write %s", names[i]);
		if (at)
			memcpy(at, model->id, strlen(model->id));
	}
}

static void
make_retained(struct rig *rig)
{
	struct model model;
	struct talk talk;

	(void)rig_start(rig);
	talk_open(&talk, rig->socket);
	talk_start(&talk,
		   "{\"cmd\":\"echo one of many\",\"labels\":"
		   "{\"suite\":\"bench\"}}",
		   model.id);
	talk_wait(&talk, model.id);
	talk_close(&talk);
	rig_stop(rig);
	read_model(rig, &model);
	for (unsigned i = 1; i < RETAINED; i++) {
		char id[ID_SIZE];

		id_new(id, clock_wall_ns());
		write_copy(rig, &model, id);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		buf_fini(&model.files[i]);
	sync();
}

static double
list_cpu(const struct rig *rig, struct talk *talk)
{
	double start = cpu_ms(rig->daemon);

	for (int i = 0; i < ROUNDS; i++)
		(void)talk_ask(talk, "GET", "/v1/exec?limit=0", NULL, NULL);
	return (cpu_ms(rig->daemon) - start) / ROUNDS;
}

static double
time_list(struct talk *talk, const char *path, uint64_t *ret_bytes)
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ms();

		*ret_bytes = talk_ask(talk, "GET", path, NULL, NULL);
		best = MIN(best, now_ms() - start);
	}
	return best;
}

void
bench_retained(struct rig *rig)
{
	uint64_t bytes;
	struct talk talk;
	double ready;

	rig_clear(rig);
	make_retained(rig);
	ready = rig_start(rig);
	report_add(&(struct figure){ .what = "daemon start with 10,000 kept",
				     .unit = "ms",
				     .value = ready });
	report_add(
	    &(struct figure){ .what = "daemon with 10,000 kept",
			      .unit = "MB",
			      .value = (double)pss_kb(rig->daemon) / 1e3 });
	talk_open(&talk, rig->socket);
	report_add(&(struct figure){
	    .what = "list 10,000 kept",
	    .unit = "ms",
	    .value = time_list(&talk, "/v1/exec?limit=0", &bytes),
	    .goal = "<= 20 ms" });
	report_add(&(struct figure){ .what = "its processor time",
				     .unit = "ms",
				     .value = list_cpu(rig, &talk) });
	report_add(&(struct figure){
	    .what = "its answer", .unit = "MB", .value = (double)bytes / 1e6 });
	report_add(
	    &(struct figure){ .what = "list the newest 100",
			      .unit = "ms",
			      .value = time_list(&talk, "/v1/exec", &bytes) });
	report_add(
	    &(struct figure){ .what = "daemon after these lists",
			      .unit = "MB",
			      .value = (double)pss_kb(rig->daemon) / 1e3 });
	talk_close(&talk);
	rig_stop(rig);
}
