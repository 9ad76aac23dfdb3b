/**
 * The C text between the runtime and a network: it unpacks the frame (`wasm/frame.ts` says where what lies) and calls
 * the network. This file alone knows frames, and `runtime/native` alone compiles its text.
 */
import type { Program } from "../../loops/ir.ts";
import { bufferOffset, failedCheckOffset, sizeOffset } from "../wasm/frame.ts";
import type { Network } from "./network.ts";

/** The function that the glue of every network exports. */
export const entryPoint = "recurve_call";

/**
 * What a network's glue is given: the base of the memory, and how to run a team. These are the first fields of the pool
 * that `runtime/native/pool.ts` makes. `work` says how a thread ended; `together` is 0 if all were done, -1 if there
 * are not so many threads, and 1 if one has failed.
 */
export const hostText = `struct recurve_host {
    char *base;
    int (*together)(struct recurve_host *host, int (*work)(void *context, void *member, ptrdiff_t thread),
                    void *context, ptrdiff_t count);
    int (*meet)(void *member);
};
`;

/** The glue of one network, which lies beside it as "network.c". */
export function glueText(program: Program, network: Network): string {
  return [
    `/* Between the memory of a process and the network: a frame of i32 words says where everything is. */`,
    `#include "network.c"`,
    "",
    hostText,
    unpackText(program, network),
    program.team === undefined ? aloneText(network) : teamText(network, program.team.count),
  ].join("\n");
}

function unpackText({ buffers, sizes, checks, ...program }: Program, network: Network): string {
  const word = (offset: number): string => `frame[${offset / 4}]`;
  const whole = { buffers, sizes, checks, ...program };
  const lines = [
    ...buffers.map((_, i) => `    net->${network.buffers[i]} = (void *)(base + (uint32_t)${word(bufferOffset(i))});`),
    ...sizes.map((_, i) => `    net->${network.sizes[i]} = ${word(sizeOffset(whole, i))};`),
    ...(checks.length === 0 ? [] : [`    net->failure = &${word(failedCheckOffset)};`]),
  ];
  return [
    `static void unpack(struct ${network.struct} *net, char *base, int32_t *frame)`,
    "{",
    ...(lines.length === 0 ? ["    (void)net, (void)base, (void)frame;"] : lines),
    ...(buffers.length === 0 && lines.length > 0 ? ["    (void)base;"] : []),
    "}",
    "",
  ].join("\n");
}

function aloneText({ struct, run }: Network): string {
  return `int ${entryPoint}(struct recurve_host *host, uint32_t frame);
int ${entryPoint}(struct recurve_host *host, uint32_t frame)
{
    struct ${struct} net;
    unpack(&net, host->base, (int32_t *)(host->base + frame));
    return ${run}(&net);
}
`;
}

/** Each thread has its own copy of the struct: the member that it is in the team differs. */
function teamText({ struct, run }: Network, count: number): string {
  return `struct call {
    struct recurve_host *host;
    int32_t *frame;
};

static int work(void *context, void *member, ptrdiff_t thread)
{
    const struct call *call = context;
    struct ${struct} net;
    unpack(&net, call->host->base, call->frame);
    net.meet = call->host->meet;
    net.member = member;
    return ${run}(&net, thread);
}

int ${entryPoint}(struct recurve_host *host, uint32_t frame);
int ${entryPoint}(struct recurve_host *host, uint32_t frame)
{
    struct call call = {host, (int32_t *)(host->base + frame)};
    return host->together(host, work, &call, ${count});
}
`;
}
