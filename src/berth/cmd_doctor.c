/* SPDX-License-Identifier: ISC */

/*
 * doctor: what a machine needs to run execs, looked at piece by piece; see
 * cmd_doctor.h.
 *
 * A check that fails makes the whole fail if nothing works without it; tools
 * that a command may want are only told of.  codex-remote makes no such
 * difference.
 */

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/run.h"
#include "core/text.h"
#include "machine/registry.h"
#include "secret/store.h"
#include "wire/errors.h"
#include "wire/link_places.h"
#include "wire/places.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "client/hello.h"
#include "client/spawn.h"
#include "berth/checkup.h"
#include "berth/cmd_doctor.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/out/style.h"
#include "berth/tty_asker.h"

/* Tools that codex-remote looks for. */
static const char *const tools[] = { "python", "pixi", "rg", "nvidia-smi",
				     "rsync" };

/* Less room than this for output is worth a word. */
#define LOW_SPACE (1ull << 30)

#define PROBE_TIMEOUT_MS 15000
#define MAX_TEXT (64u << 10)
#define MAX_CHECKS 32

struct doctor_args {
	const char *name; /* the machine, as an operand */
	uint64_t timeout_ms;
	struct where_args where;
	struct output_args output;
};

struct check {
	const char *name;
	bool is_ok;
	bool is_vital;
	char detail[256];
	char hint[256];
};

struct doctor {
	const struct cli_call *call;
	const struct doctor_args *args;
	const char *machine;   /* its name */
	struct client *client; /* NULL: it was not reached */
	struct check checks[MAX_CHECKS];
	size_t n;
};

static struct check *
add_check(struct doctor *d, const char *name, bool is_vital)
{
	struct check *check = &d->checks[d->n++];

	check->name = name;
	check->is_vital = is_vital;
	return check;
}

static void
fail_check(struct check *check, const struct err *err)
{
	check->is_ok = false;
	vis(check->detail, sizeof(check->detail), err->msg);
	vis(check->hint, sizeof(check->hint), err->hint);
}

/* A program of ours; `path' is where it should be, or NULL for `err'. */
static void
check_program(struct doctor *d, const char *name, const char *path,
	      struct err *err)
{
	struct check *check = add_check(d, name, true);

	check->is_ok = path && access(path, X_OK) == 0;
	if (check->is_ok) {
		vis(check->detail, sizeof(check->detail), path);
		return;
	}
	if (path)
		err_set(err, ERR_NOT_FOUND, "%s cannot be run", path);
	fail_check(check, err);
}

static void
check_daemon_program(struct doctor *d)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *path = spawn_find_daemon(&err);

	check_program(d, "berthd", path, &err);
}

/* It is ssh's askpass, too. */
static void
check_link_program(struct doctor *d)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *path = spawn_find_link(&err);

	check_program(d, "berth-link", path, &err);
}

/* The daemon answers, and is of our version. */
static bool
check_daemon(struct doctor *d)
{
	struct check *check = add_check(
	    d, is_codex(d->call) ? "codexd_health" : "daemon", true);
	AUTO_HELLO hello = HELLO_INIT;
	AUTO_BUF answer = BUF_INIT(HELLO_MAX);
	uint64_t begun = clock_mono_ms();
	struct err err = ERR_INIT;

	check->is_ok = hello_ask(d->client, &answer, &hello, &err) == 0;
	if (!check->is_ok) {
		fail_check(check, &err);
		return false;
	}
	snprintf(check->detail, sizeof(check->detail),
		 "version %.40s, process %lld, answers in %llu ms",
		 hello.version, (long long)hello.pid,
		 (unsigned long long)(clock_mono_ms() - begun));
	if (str_eq(hello.version, BERTH_VERSION))
		return true;
	check = add_check(d, "version", false);
	snprintf(check->detail, sizeof(check->detail),
		 "the daemon is %.40s, this program is %s", hello.version,
		 BERTH_VERSION);
	snprintf(check->hint, sizeof(check->hint),
		 "'berthd serve --detach --replace' puts the installed one in "
		 "its place; execs do not notice");
	return true;
}

static int
free_space(const char *dir, uint64_t *ret, struct err *err)
{
	struct statvfs st;

	if (statvfs(dir, &st) < 0)
		return err_sys(err, "%s", dir);
	*ret = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

static void
check_space(struct doctor *d)
{
	AUTO_PLACES places = PLACES_INIT;
	struct check *check = add_check(d, "space", true);
	struct err err = ERR_INIT;
	char room[HUMAN_SIZE];
	uint64_t n = 0;

	if (places_find(&places, &err) < 0 ||
	    free_space(places.state, &n, &err) < 0) {
		fail_check(check, &err);
		return;
	}
	check->is_ok = n >= LOW_SPACE;
	snprintf(check->detail, sizeof(check->detail), "%s free in %.150s",
		 human_bytes(room, n), places.state);
	if (!check->is_ok)
		snprintf(check->hint, sizeof(check->hint),
			 "remove old execs with 'berth exec rm', or make room");
}

/* Run a line to its end and read what it wrote; it leaves no trace. */
static int
run_line(struct doctor *d, const char *line, struct buf *out, struct err *err)
{
	AUTO_EXEC_RESULT started = EXEC_RESULT_INIT;
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);
	char key[EXEC_KEY_SIZE];
	struct exec_spec spec = { .cmd = line, .key = key };
	bool finished = false;
	int rc;

	exec_key_new(key);
	if (exec_start(d->client, &spec, &answer, err) < 0 ||
	    exec_result_decode(buf_bytes(&answer), answer.len, &started, err) <
		0 ||
	    exec_wait(d->client, started.exec_id, d->args->timeout_ms, &answer,
		      &finished, err) < 0)
		return -1;
	if (!finished)
		return err_set(err, ERR_TIMEOUT, "it did not end in time");
	rc = exec_text(d->client, started.exec_id, out, err);
	(void)exec_remove(d->client, started.exec_id, &(struct err)ERR_INIT);
	return rc;
}

static bool
has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (; *text; text += strcspn(text, "\n") + 1) {
		if (strncmp(text, line, n) == 0 && text[n] == '\n')
			return true;
		if (text[strcspn(text, "\n")] == '\0')
			break;
	}
	return false;
}

static void
check_tools(struct doctor *d, const char *found)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		struct check *check = add_check(d, tools[i], is_codex(d->call));

		check->is_ok = has_line(found, tools[i]);
		if (check->is_ok)
			continue;
		snprintf(check->detail, sizeof(check->detail), "%s not found",
			 tools[i]);
		snprintf(check->hint, sizeof(check->hint),
			 "install %s on remote machine", tools[i]);
	}
}

/* A command runs and its output comes back; it says which tools there are. */
static void
check_exec(struct doctor *d)
{
	struct check *check = add_check(d, "exec", true);
	AUTO_BUF line = BUF_INIT(1024), found = BUF_INIT(MAX_TEXT);
	uint64_t begun = clock_mono_ms();
	struct err err = ERR_INIT;

	(void)buf_adds(&line, "for t in");
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
		(void)buf_addf(&line, " %s", tools[i]);
	(void)buf_adds(&line, "; do command -v $t >/dev/null 2>&1 && echo $t; "
			      "done; :");
	check->is_ok = run_line(d, buf_text(&line), &found, &err) == 0;
	if (!check->is_ok) {
		fail_check(check, &err);
		return;
	}
	snprintf(check->detail, sizeof(check->detail),
		 "a command ran, was read and removed in %llu ms",
		 (unsigned long long)(clock_mono_ms() - begun));
	check_tools(d, buf_text(&found));
}

/* --- the ends here of a connection --- */

static void
check_ssh(struct doctor *d)
{
	char *argv[] = { (char *)(uintptr_t) "ssh", (char *)(uintptr_t) "-V",
			 NULL };
	struct check *check = add_check(d, "ssh", true);
	AUTO_BUF out = BUF_INIT(MAX_TEXT), words = BUF_INIT(MAX_TEXT);
	struct err err = ERR_INIT;
	int status;

	check->is_ok = run_program(argv, PROBE_TIMEOUT_MS, &out, &words,
				   &status, &err) == 0;
	if (!check->is_ok) {
		err_hint(&err, "install OpenSSH's client");
		fail_check(check, &err);
		return;
	}
	vis(check->detail, sizeof(check->detail), buf_text(&words));
	check->detail[strcspn(check->detail, "\n")] = '\0';
}

static void
check_runtime(struct doctor *d)
{
	struct check *check = add_check(d, "runtime", true);
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	struct err err = ERR_INIT;

	check->is_ok = link_places_find(&places, d->machine, &err) == 0 &&
		       fs_mkdir_private(places.dir, &err) == 0;
	if (check->is_ok)
		vis(check->detail, sizeof(check->detail), places.dir);
	else
		fail_check(check, &err);
}

static void
check_keyring(struct doctor *d)
{
	const struct store_config config = { .ask = ask_nobody };
	struct check *check = add_check(d, "secrets", false);
	struct err err = ERR_INIT;
	AUTO_STORE *store = store_open(&config, &err);

	check->is_ok = store != NULL;
	if (store)
		vis(check->detail, sizeof(check->detail), store->where);
	else
		fail_check(check, &err);
}

static void
take_row(struct doctor *d, const struct check_report *report,
	 enum check_stage stage)
{
	const struct check_row *row = &report->rows[stage];
	struct check *check;

	if (row->verdict == CHECK_SKIPPED)
		return;
	check = add_check(d, check_stage_name(stage),
			  row->verdict != CHECK_WARNING);
	check->is_ok = row->verdict == CHECK_OK;
	vis(check->detail, sizeof(check->detail), row->detail);
	vis(check->hint, sizeof(check->hint), row->hint);
}

/* All of `machine check', then a command. */
static int
check_machine(struct doctor *d, const struct machine *machine, struct err *err)
{
	const struct output_args *output = &d->args->output;
	const struct checkup_config config = {
		.timeout_ms = d->args->timeout_ms,
		.asker = tty_asker(output->quiet),
	};
	struct where_args where = d->args->where;
	struct check_report report;

	check_ssh(d);
	check_link_program(d);
	check_runtime(d);
	check_keyring(d);
	if (checkup_run(&machine, 1, &config, &report, err) < 0)
		return -1;
	for (unsigned i = 0; i < CHECK_STAGES; i++)
		take_row(d, &report, (enum check_stage)i);
	if (!check_report_daemon_ok(&report))
		return 0;
	where.machine = d->machine;
	d->client = open_client(&where, output, err);
	if (d->client == NULL)
		return -1;
	check_exec(d);
	return 0;
}

static void
check_all(struct doctor *d)
{
	bool is_local = client_reach(d->client)->address == NULL;

	if (is_codex(d->call))
		add_check(d, "ssh", true)->is_ok = true;
	else if (is_local)
		check_daemon_program(d);
	if (!check_daemon(d))
		return;
	if (is_local && !is_codex(d->call))
		check_space(d);
	check_exec(d);
}

static bool
is_well(const struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->checks[i].is_vital && !d->checks[i].is_ok)
			return false;
	}
	return true;
}

static int
print_checks_json(const struct doctor *d, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_TEXT);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "machine", d->machine);
	jsonw_bool(&w, "overall_ok", is_well(d));
	jsonw_array(&w, "checks");
	for (size_t i = 0; i < d->n; i++) {
		const struct check *check = &d->checks[i];

		jsonw_object(&w, NULL);
		jsonw_str(&w, "name", check->name);
		jsonw_bool(&w, "ok", check->is_ok);
		jsonw_bool(&w, "required", check->is_vital);
		if (check->detail[0])
			jsonw_str(&w, "detail", check->detail);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_array(&w, "hints");
	for (size_t i = 0; i < d->n; i++) {
		if (!d->checks[i].is_ok && d->checks[i].is_vital &&
		    d->checks[i].hint[0])
			jsonw_str(&w, NULL, d->checks[i].hint);
	}
	jsonw_array_end(&w);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	return print_json(&text, err);
}

static int
print_checks(const struct doctor *d, struct err *err)
{
	bool colour = style_wanted(STDOUT_FILENO);
	AUTO_BUF text = BUF_INIT(MAX_TEXT);

	for (size_t i = 0; i < d->n; i++) {
		const struct check *check = &d->checks[i];
		enum style style = check->is_ok	     ? STYLE_GREEN
				   : check->is_vital ? STYLE_RED
						     : STYLE_YELLOW;

		(void)buf_addf(
		    &text, "%s%-7s%s %-11s %s\n", style_begin(colour, style),
		    check->is_ok      ? "ok"
		    : check->is_vital ? "failed"
				      : "missing",
		    style_end(colour, style), check->name, check->detail);
		if (!check->is_ok && check->is_vital && check->hint[0])
			(void)buf_addf(&text, "%19s %s\n", "", check->hint);
	}
	return print_text(&text, err);
}

static int
show_checks(const struct doctor *d, struct err *err)
{
	int rc = wants_json(d->call, &d->args->output)
		     ? print_checks_json(d, err)
		     : print_checks(d, err);

	if (rc < 0)
		return -1;
	return is_well(d) ? 0 : 1;
}

/* Another machine, from both ends. */
static int
run_far(struct doctor *d, struct err *err)
{
	const struct config_file_config usual = { .path = NULL };
	AUTO_REGISTRY registry = { .file = NULL };
	const struct machine *machine;
	int rc;

	if (registry_load(&registry, &usual, err) < 0)
		return -1;
	machine = registry_find(&registry, d->machine, err);
	if (machine == NULL)
		return -1;
	rc = check_machine(d, machine, err);
	if (rc == 0)
		rc = show_checks(d, err);
	client_free(d->client);
	return rc;
}

static int
run_doctor(const struct cli_call *call, struct err *err)
{
	const struct doctor_args *args = call->args;
	const char *name = args->name ? args->name : args->where.machine;
	struct doctor d = { .call = call,
			    .args = args,
			    .machine = name ? name : "local" };
	AUTO_CLIENT *client = NULL;

	if (!str_eq(d.machine, "local") && args->where.addr == NULL &&
	    !is_codex(call))
		return run_far(&d, err);
	client = d.client = open_client(&args->where, &args->output, err);
	if (client == NULL)
		return -1;
	check_all(&d);
	return show_checks(&d, err);
}

static const struct cli_operand doctor_operands[] = {
	CLI_OPERAND(struct doctor_args, name, TEXT, "NAME",
		    .complete = "machine", .help = "The machine, as --machine"),
	{ 0 },
};

static const struct cli_option doctor_options[] = {
	CLI_OPTION(struct doctor_args, timeout_ms, DURATION, "timeout", 0,
		   .arg = "TIME", .shown = "15s",
		   .help = "Give a command so long to end"),
	{ 0 },
};
static const struct cli_group doctor_group = { "Options", doctor_options };

const struct cli_command doctor_command = {
	.name = "doctor",
	.summary = "Check whether a machine can run execs, and say what it "
		   "lacks",
	.about = "The daemon is started if it does not run, and a command is "
		 "run and removed again. The exit status is 1 if something "
		 "is missing without which nothing works; tools that only "
		 "some commands want are named.\n"
		 "\n"
		 "Another machine is looked at from both ends: ssh, the link "
		 "and secrets here, then all of `machine check', then a "
		 "command.",
	.groups =
	    (const struct cli_use[]){
		{ &doctor_group },
		{ &where_group, offsetof(struct doctor_args, where) },
		{ &object_group, offsetof(struct doctor_args, output) },
		{ 0 } },
	.operands = doctor_operands,
	.examples = (const struct cli_row[]){ { "berth doctor",
						"See what is wrong" },
					      { "berth doctor --json",
						"Attach this to a report" },
					      { 0 } },
	.args_size = sizeof(struct doctor_args),
	.defaults = &(
	    const struct doctor_args){ .timeout_ms = PROBE_TIMEOUT_MS },
	.run = run_doctor,
};
