/* SPDX-License-Identifier: ISC */

/* Shared by the commands about files; see file_args.h. */

#include <string.h>

#include "wire/errors.h"
#include "client/link_control.h"
#include "client/file/file_open.h"
#include "berth/file_args.h"

/* Goes that bring nothing: it is not the link. */
#define MAX_VAIN 3

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

void
goes_init(struct goes *goes, const struct where_args *where,
	  const struct output_args *output, const struct via_args *via)
{
	*goes = (struct goes){ .where = where, .output = output, .via = via };
	loss_init(&goes->loss, where->machine, output);
}

int
goes_open(struct goes *goes, const char *path, struct place *ret_place,
	  char **ret_path, struct err *err)
{
	if (place_open(ret_place, goes->where, goes->output, goes->via, err) <
	    0)
		return -1;
	goes->is_linked = client_reach(ret_place->client)->is_linked;
	*ret_path = file_path(ret_place->client, path, err);
	return *ret_path ? 0 : -1;
}

bool
goes_on(struct goes *goes, bool has_brought, struct err *err)
{
	struct err why = ERR_INIT;

	goes->n++;
	goes->is_told = goes->is_told && !has_brought;
	goes->n_vain = has_brought ? 0 : goes->n_vain + 1;
	if (!goes->is_linked || !error_is_retryable(err) ||
	    goes->n_vain == MAX_VAIN)
		return false;
	if (!goes->is_told)
		loss_tell(&goes->loss, err);
	if (link_control_connect(goes->where->machine, LINK_AGAIN, NULL, &why) <
	    0) {
		*err = why;
		return false;
	}
	if (!goes->is_told)
		loss_tell_end(&goes->loss);
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
