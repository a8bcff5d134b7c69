/* cli/cli.h — the whole command line: dispatch, help, errors, exit codes. */
#pragma once

/* Returns the process's exit code. */
int hl_cli_main(int argc, char **argv);
