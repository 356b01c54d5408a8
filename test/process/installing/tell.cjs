/** Says which error `attempt` throws, as a line of JSON. */
exports.tell = (attempt) => {
  try {
    attempt();
    console.log(JSON.stringify({ name: "none" }));
  } catch (error) {
    console.log(JSON.stringify({ name: error.name, message: error.message }));
  }
};
