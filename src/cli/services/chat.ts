/** `skein serve chat`. */
import { ChatFactory } from "../../protocols/chat.ts";
import { declare } from "../service.ts";

export const chat = declare({
  summary: "a chat room for nc and telnet, without authentication",
  warning: ["Warning: whoever reaches it reads all messages, and takes any name that is free."],
  make: (reactor) => {
    const factory = new ChatFactory(reactor);
    return { factory, shutdown: () => factory.shutdown() };
  },
});
