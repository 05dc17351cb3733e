// Reads the text of the event stream (server-sent events) in blocks.

import { createParser } from "../vendor.js";

/** @import { EventSourceMessage } from "../vendor.js" */

/**
 * A block of the stream: an event, an id, or both. The server's first block has an id only.
 * @typedef {{id?: string, message?: EventSourceMessage}} Block
 */

/**
 * Return a function that takes the next piece of the stream's text and returns the blocks that it completes.
 * @returns {(text: string) => Block[]}
 */
export function eventParser() {
  /** @type {Block[]} */
  const blocks = [];
  const parser = createParser({
    onId: (id) => { blocks.push({ id }); },
    onEvent: (message) => { // directly after onId, if the block has an id
      if (message.id === undefined) blocks.push({ message });
      else blocks[blocks.length - 1].message = message;
    },
  });
  return (text) => {
    parser.feed(text);
    return blocks.splice(0);
  };
}
