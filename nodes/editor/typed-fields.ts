/** Typed inputs of the dialogs: which types each setting takes. */
import { text } from './texts.js';

const SELECTING = ['str', 'msg', 'flow', 'global', 'env', 'jsonata'] as const;

type Types = () => readonly (string | TypedInputType)[];

const TYPES: Readonly<Record<string, Types>> = {
  device: () => SELECTING,
  path: () => SELECTING,
  tags: () => ['msg', 'str', 'flow', 'global', 'json', 'jsonata', 'env'],
  value: () => ['msg', 'flow', 'global', 'str', 'num', 'bool', 'json', 'bin', 'date', 'jsonata', 'env'],
  restore: () => ['msg', 'flow', 'global', 'json', 'jsonata', 'env'],
  arguments: () => [
    { value: 'none', label: text('type.no-arguments'), hasValue: false },
    'str',
    'msg',
    'flow',
    'global',
    'jsonata',
    'env',
  ],
};

/** Makes `#node-input-<name>` a typed input whose type is saved in `<name>Type`. */
export function typedField(name: string, standard: string, types: Types | undefined = TYPES[name]): JQuery {
  return $(`#node-input-${name}`).typedInput({
    default: standard,
    types: types?.() ?? SELECTING,
    typeField: $(`#node-input-${name}Type`),
  });
}

/** The devices of a source node are settled at deploy: there is no message to take them from. */
export function settledField(name: string): JQuery {
  return typedField(name, 'str', () => ['str', 'env']);
}
