/** What the dialogs use of the Node-RED editor (4.1 and 5), and the shared dialog code that `main.ts` puts beside it. */

type EditorTexts = (key: string, variables?: Record<string, string | number>) => string;

/** A node as the editor holds it: its saved properties, and the translations of its own node set. */
interface EditorNode {
  readonly id: string;
  readonly type: string;
  readonly _: EditorTexts;
  name: string;
}

interface NodeProperty<Value> {
  readonly value: Value;
  readonly required?: boolean;
  /** Type of the config node this property refers to. */
  readonly type?: string;
  /** With two parameters a string may be returned: the reason, shown to the user (Node-RED 3 and newer). */
  validate?(value: string, options: { readonly label?: string }): boolean | string;
}

interface NodeDefinition<Saved> {
  readonly category: string;
  readonly defaults: { readonly [Name in keyof Saved]: NodeProperty<Saved[Name]> };
  /** Kept apart from flows, and never exported; a password does not come back to the editor. */
  readonly credentials?: Readonly<Record<string, { readonly type: 'text' | 'password' }>>;
  readonly color?: string;
  readonly icon?: string;
  readonly align?: 'left' | 'right';
  readonly inputs?: 0 | 1;
  readonly outputs?: number;
  paletteLabel?(): string;
  inputLabels?(): string;
  outputLabels?(index: number): string;
  label?(): string;
  labelStyle?(): string;
  oneditprepare?(): void;
  oneditsave?(): void;
  oneditcancel?(): void;
  oneditdelete?(): void;
}

interface NodeRedEditor {
  readonly nodes: {
    registerType<Saved>(type: string, definition: NodeDefinition<Saved> & ThisType<EditorNode & Saved>): void;
    node(id: string): EditorNode | null;
  };
  readonly utils: { validateTypedProperty(value: string, type: string): boolean | string };
  readonly plugins: { registerPlugin(id: string, plugin: { readonly type: string; onadd(): void }): void };
  readonly sidebar: {
    addTab(tab: {
      readonly id: string;
      readonly name: string;
      readonly label: string;
      readonly iconClass: string;
      readonly content: HTMLElement;
      readonly enableOnEdit: boolean;
      readonly action: string;
    }): void;
    show(id: string): void;
  };
  readonly actions: { add(name: string, act: () => void): void };
  readonly popover: { tooltip(target: JQuery, content: string): unknown };
  readonly _: EditorTexts;
}

interface TypedInputType {
  readonly value: string;
  readonly label: string;
  readonly hasValue?: boolean;
}

interface JQuery {
  typedInput(options: { default: string; types: readonly (string | TypedInputType)[]; typeField: JQuery }): JQuery;
  typedInput(method: 'type' | 'value'): string;
  typedInput(method: 'type' | 'value', value: string): JQuery;
}

declare const RED: NodeRedEditor;
declare const DeviceManagement: typeof import('./main').DeviceManagement;
