/* SPDX-License-Identifier: ISC */

/* The build makes a string of shell.sh; see shell_script.h. */

#include "client/file/shell_script.h"

const char shell_script[] =
#include "client/shell.sh.inc"
    ;
