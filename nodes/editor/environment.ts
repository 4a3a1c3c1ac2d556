/** A setting that Node-RED fills in when the flow starts: `${PORT}` or `$(PORT)`. What it will be is not known in the editor. */
export const ENVIRONMENT = /^\$(\{\w+\}|\(\w+\))$/;
