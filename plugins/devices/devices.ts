/** The Devices sidebar of the editor. All of it runs in the browser and asks the admin HTTP API; the runtime has nothing to add. */
export = (): void => undefined;
