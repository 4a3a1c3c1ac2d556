/** The device manager as a library, without Node-RED: a server, a fleet on top of it, and the words both speak. */
export { type Clock, SystemClock, type Timer, VirtualClock } from './clock';
export { ASSOCIATION, DtlsTransport, type DtlsTransportOptions } from './coap/transports/dtls';
export { type TlsOptions, TlsTransport } from './coap/transports/tls';
export { UdpTransport } from './coap/transports/udp';
export { type Admission, type AdmissionDecision, admit } from './device/admission';
export type { NotificationAttributes } from './device/attributes';
export type { BootstrapConfiguration, BootstrapEvent, BootstrapSource, ServerAccount } from './device/bootstrap';
export { type DiscoveredNode, discoveredTree } from './device/discovered-tree';
export { type Identity, isLoopback, type SecurityMode } from './device/identity';
export type {
  DeviceManager,
  LifecycleEvent,
  LifecycleEventName,
  ManagerEvents,
  NotificationEvent,
  ObjectDescription,
  ObservationEndedEvent,
  Presence,
  ProblemEvent,
  Registration,
  ResourceDescription,
  SendEvent,
} from './device/manager';
export { Catalogue, type CatalogueEntry, type DdfProblem, type DeviceModel } from './device/models/catalogue';
export type { ObjectDefinition, ResourceDefinition } from './device/models/definition';
export type {
  OperationName,
  OperationOptions,
  OperationRequest,
  OperationResult,
  PathLink,
  PayloadValue,
} from './device/operation';
export { Path } from './device/path';
export { parsePathList, pathListText } from './device/path-list';
export { fromResourceValues, type PayloadKeys } from './device/payload';
export type { ResourceType, ResourceValue, Value } from './device/value';
export type { PeerIdentity } from './dtls/association-view';
export { type Trust, verifyChain } from './dtls/certificate-chain';
export type { DtlsEvents } from './dtls/dtls-events';
export type { Credentials, DtlsLimits } from './dtls/settings';
export { DeviceManagementError, type ErrorCode, type ErrorContext, type LocalErrorCode } from './errors';
export { Events, type Listener, type Unsubscribe } from './events';
export { BootstrapConfigurations, type DeclaredBootstrap } from './fleet/bootstrap-configurations';
export { type CredentialStore, type GeneratedCredential, MemoryCredentials } from './fleet/bootstrap-credentials';
export { type BootstrapDeclaration, readDeclaration } from './fleet/bootstrap-declaration';
export { modelOf } from './fleet/device-model';
export { Fleet, type FleetOptions } from './fleet/fleet';
export { type Knowledge, NOTHING_KNOWN } from './fleet/knowledge';
export type { ObservedValue, PolicyListener, PolicyState, RefusedObservation } from './fleet/observe-policies';
export type { ObservePolicy } from './fleet/observe-policy';
export type { Order, Outcome } from './fleet/outcomes';
export { Selector } from './fleet/selector';
export { Lwm2mServer } from './lwm2m/server/server';
export type { Lwm2mServerOptions, ServerLimits } from './lwm2m/server/server-options';
