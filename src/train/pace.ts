/**
 * Leaves the event loop its turn during long work, so that a page stays alive and signals arrive. Knows nothing of
 * training. Where there is a page (or a worker of one) a turn comes every 12 ms, elsewhere every 200 ms.
 */

/** Something that is called between pieces of work. */
export interface Pace {
  /** Gives the event loop a turn if one is due. */
  breathe(): Promise<void> | undefined;
  /** Ends the use of the channel, which would keep a process alive. */
  close(): void;
}

/** A pace with a turn after `interval` milliseconds of work. */
export function createPace(interval: number = defaultInterval(), now: () => number = () => performance.now()): Pace {
  let last = now();
  const turn = createTurn();
  return {
    breathe: () => {
      if (now() - last < interval) return undefined;
      return turn.take().then(() => {
        last = now();
      });
    },
    close: turn.close,
  };
}

function defaultInterval(): number {
  return isPage() ? 12 : 200;
}

function isPage(): boolean {
  return "document" in globalThis || "WorkerGlobalScope" in globalThis;
}

function createTurn(): { take(): Promise<void>; close(): void } {
  // In pages timers are held back to 4 ms once they nest; a message is not.
  if (!isPage() || typeof MessageChannel !== "function") {
    return { take: () => new Promise((resolve) => setTimeout(resolve, 0)), close: () => {} };
  }
  const channel = new MessageChannel();
  return {
    take: () =>
      new Promise((resolve) => {
        channel.port1.onmessage = () => resolve();
        channel.port2.postMessage(0);
      }),
    close: () => channel.port1.close(),
  };
}
