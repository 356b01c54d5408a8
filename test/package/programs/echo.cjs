// The conversation, from a CommonJS module.
const skein = require("skein");
const { reactor } = require("skein/reactor");
const { converse } = require("./converse.cjs");

converse(skein, reactor);
