/* SPDX-License-Identifier: ISC */

/* Shared by the commands about files; see file_args.h. */

#include <poll.h>
#include <string.h>

#include "wire/errors.h"
#include "client/link_control.h"
#include "client/file/file_open.h"
#include "berth/file_args.h"

/*
 * Goes that bring nothing: it is not the link.  Each is after a pause, the
 * longest 1.6 s: a link that was cut just now is active until ssh has said why.
 */
#define MAX_VAIN 6
#define PAUSE_MS 50

static const struct cli_option via_options[] = {
	CLI_OPTION(struct via_args, via, TEXT, "via", 0, .arg = "WAY",
		   .env = "BERTH_FILE_VIA", .flags = CLI_HIDDEN,
		   .help = "Reach the files by daemon, sftp or shell"),
	{ 0 },
};

const struct cli_group via_group = { "Way", via_options };

int
place_open(struct place *place, const struct where_args *where,
	   const struct output_args *output, const struct via_args *via,
	   struct err *err)
{
	place->client = begin_client(where, output, err);
	if (place->client == NULL)
		return -1;
	place->files = file_open(place->client, via->via, err);
	return place->files ? 0 : -1;
}

void
place_close(struct place *place)
{
	files_free(place->files);
	client_free(place->client);
	*place = (struct place)PLACE_INIT;
}

bool
goes_on(struct goes *goes, const struct where_args *where,
	const struct output_args *output, bool has_brought, struct err *err)
{
	struct err why = ERR_INIT;

	goes->n++;
	goes->is_told = goes->is_told && !has_brought;
	goes->n_vain = has_brought ? 0 : goes->n_vain + 1;
	if (!goes->is_linked || !error_is_retryable(err) ||
	    goes->n_vain == MAX_VAIN)
		return false;
	if (!goes->is_told)
		print_note(output, "link to %s lost, trying again (%s)",
			   where->machine, err->msg);
	(void)poll(NULL, 0, PAUSE_MS << goes->n_vain);
	if (link_control_connect(where->machine, LINK_AGAIN, NULL, &why) < 0) {
		*err = why;
		return false;
	}
	if (!goes->is_told)
		print_note(output, "link to %s is back", where->machine);
	goes->is_told = true;
	return true;
}

int
parse_mode(const char *text, int *ret, struct err *err)
{
	int mode = 0;

	*ret = -1;
	if (text == NULL)
		return 0;
	if (text[0] == '\0' || strlen(text) > 4 ||
	    strspn(text, "01234567") != strlen(text))
		return err_set(err, ERR_INVALID,
			       "--mode %.16s: not a mode in octal", text);
	for (; *text; text++)
		mode = mode << 3 | (*text - '0');
	if (mode & ~0777)
		return err_set(err, ERR_INVALID,
			       "--mode: setuid, setgid and sticky bits are not "
			       "set");
	*ret = mode;
	return 0;
}
