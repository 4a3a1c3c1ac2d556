/**
 * The cases of the OMA enabler test specifications (ETS) for LwM2M 1.0, 1.1 and 1.2 that concern a server, by their numbers, with what each
 * is for in our own words; and behaviours beyond them, `x-…`. docs/conformance.md lists every row with what has shown it.
 */

export interface Row {
  /** "int-101"; "1.2-int-264" where only the 1.2 documents have it; "x-dedup". */
  readonly id: string;
  /** ETS versions: "1.0 1.1". */
  readonly versions: string;
  readonly purpose: string;
  readonly chapter: Chapter;
  /** Why nothing can show it yet. */
  readonly notShown?: string;
}

export type Chapter =
  | 'Bootstrap'
  | 'Registration'
  | 'Device management'
  | 'Information reporting'
  | 'Security'
  | 'Server and Device objects'
  | 'Connectivity Monitoring, Location, Connectivity Statistics'
  | 'Firmware Update'
  | 'Several servers and further objects'
  | 'Beyond the ETS';

type Entry = readonly [id: string, versions: string, purpose: string, notShown?: string];

const SMARTCARD = 'no smartcard: nothing of it reaches the server but the registration after it';
const EST = 'EST is not spoken';
const OSCORE = 'OSCORE is not spoken';
const NOT_APPLICABLE = 'the ETS declares it not applicable: nothing in the object is writable';
const NOTHING_TO_WRITE = 'a placeholder of the ETS without text, for an object in which nothing is writable';

const CHAPTERS: readonly (readonly [Chapter, readonly Entry[]])[] = [
  [
    'Bootstrap',
    [
      ['int-0', '1.0 1.1', 'client-initiated bootstrap'],
      ['int-1', '1.1', 'client-initiated bootstrap over DTLS with a pre-shared key'],
      ['int-2', '1.1', 'client-initiated bootstrap over DTLS with certificates'],
      ['int-3', '1.1', 'bootstrap from a smartcard', SMARTCARD],
      ['int-4', '1.1', 'Bootstrap-Delete'],
      ['int-5', '1.1', 'server-initiated bootstrap'],
      ['int-6', '1.1', 'order of the ways to a server'],
      ['int-7', '1.1', 'fallback to bootstrap when no server answers'],
      ['int-8', '1.1', 'Bootstrap-Read'],
      ['int-9', '1.1', 'inconsistent configuration'],
      ['int-10', '1.1', 'bootstrap with EST', EST],
      ['1.2-int-11', '1.2', 'bootstrap with OSCORE', OSCORE],
      ['1.2-int-12', '1.2', 'Bootstrap-Pack'],
      ['1.2-int-19', '1.2', 'bootstrap over MQTT', 'MQTT is not spoken'],
    ],
  ],
  [
    'Registration',
    [
      ['int-101', '1.0 1.1', 'initial registration'],
      ['int-102', '1.0 1.1', 'registration update'],
      ['int-103', '1.0 1.1', 'de-registration'],
      ['int-104', '1.0 1.1', 'registration update trigger'],
      ['int-105', '1.1', 'update of an unknown registration'],
      ['int-106', '1.1', 'registration over TCP'],
      ['int-107', '1.1', 'longer lifetime'],
      ['int-108', '1.1', 'queue mode turned on'],
      ['int-109', '1.1', 'requests to a device in queue mode'],
      ['1.2-int-110', '1.2', 'registration with a profile id'],
      ['1.2-int-111', '1.2', 'profile id and object list together'],
    ],
  ],
  [
    'Device management',
    [
      ['int-201', '1.0 1.1', 'read as plain text'],
      ['int-202', '1.0', 'read as opaque'],
      ['int-203', '1.0 1.1', 'read as TLV'],
      ['int-204', '1.0 1.1', 'read as LwM2M JSON'],
      ['int-205', '1.0 1.1', 'write plain text'],
      ['int-210', '1.0', 'write opaque'],
      ['int-211', '1.1', 'read as CBOR'],
      ['int-212', '1.1', 'write CBOR'],
      ['int-215', '1.0 1.1', 'write TLV'],
      ['int-220', '1.0 1.1', 'write LwM2M JSON'],
      ['int-221', '1.1', 'the Security object is closed'],
      ['int-222', '1.1', 'read an object'],
      ['int-223', '1.1', 'read an instance'],
      ['int-224', '1.1', 'read a resource'],
      ['int-225', '1.1', 'read a resource instance'],
      ['int-226', '1.1', 'partial update of an instance'],
      ['int-227', '1.1', 'replace a resource'],
      ['int-228', '1.1', 'write a resource instance'],
      ['int-229', '1.1', 'Read-Composite'],
      ['int-230', '1.1', 'Write-Composite'],
      ['int-231', '1.1', 'read as SenML JSON'],
      ['int-232', '1.1', 'read as SenML CBOR'],
      ['int-233', '1.1', 'write SenML CBOR'],
      ['int-234', '1.1', 'write SenML JSON'],
      ['int-235', '1.1', 'Read-Composite of everything'],
      ['int-236', '1.1', 'Read-Composite of what is partly there'],
      ['int-237', '1.1', 'read an object without a wish for a format'],
      ['int-241', '1.0 1.1', 'reboot'],
      ['int-256', '1.1', 'a write that fails'],
      ['int-257', '1.1', 'Write-Composite over objects'],
      ['int-260', '1.0 1.1', 'Discover and attributes'],
      ['int-261', '1.1', 'attributes of a multiple resource'],
      ['1.2-int-264', '1.2', 'Discover with depth 1'],
      ['1.2-int-266', '1.2', 'Discover with depth 2 and 3'],
      ['int-270', '1.0', 'create an object instance (as int-1630)'],
      ['int-271', '1.0', 'add a resource instance'],
      ['int-280', '1.1', 'Read-Composite gives what was asked for, and no more'],
      ['int-281', '1.1', 'Read-Composite with an unreadable path'],
      ['int-290', '1.0', 'delete an object instance (as int-1635)'],
    ],
  ],
  [
    'Information reporting',
    [
      ['int-301', '1.0 1.1', 'observe and notify'],
      ['int-302', '1.0 1.1', 'cancel by Reset'],
      ['int-303', '1.0 1.1', 'cancel by Observe = 1'],
      ['int-304', '1.1', 'Observe-Composite'],
      ['int-305', '1.1', 'cancel Observe-Composite'],
      ['int-306', '1.1', 'Send'],
      ['int-307', '1.1', 'Send muted and allowed again'],
      ['int-308', '1.1', 'Observe-Composite and an instance that comes'],
      ['int-309', '1.1', 'Observe-Composite and an instance that goes'],
      ['int-310', '1.1', 'Observe-Composite and attributes that change'],
      ['int-311', '1.1', 'Send by command'],
      ['1.2-int-312', '1.2', 'Observe with attributes'],
      ['1.2-int-313', '1.2', 'attributes of an Observe before attached ones'],
    ],
  ],
  [
    'Security',
    [
      ['int-401', '1.0 1.1', 'DTLS with a pre-shared key'],
      ['int-402', '1.1', 'DTLS with certificates'],
      ['int-403', '1.1', 'certificate of another server name'],
      ['int-404', '1.1', 'TLS with certificates'],
      ['int-405', '1.1', 'OSCORE', OSCORE],
      ['int-406', '1.1', 'TLS with a pre-shared key'],
    ],
  ],
  [
    'Server and Device objects',
    [
      ['int-551', '1.0', 'access to the Server object (as int-215)'],
      ['int-555', '1.0', 'disable'],
      ['int-556', '1.0', 'registration update trigger (as int-104)'],
      ['int-560', '1.0', 'notifications kept while they cannot be sent'],
      ['int-565', '1.0', 'a Server instance is not created by a server'],
      ['int-566', '1.0', 'a Server instance is not deleted by a server'],
      ['int-651', '1.0', 'access to the Device object'],
      ['int-652', '1.0', 'firmware version'],
      ['int-655', '1.0', 'reboot (as int-241)'],
      ['int-656', '1.0', 'factory reset'],
      ['int-657', '1.0', 'error code observed'],
      ['int-660', '1.0', 'observe (as int-301)'],
      ['int-661', '1.0', 'observe with thresholds and step'],
      ['int-670', '1.0', 'several resource instances written'],
      ['int-680', '1.0', 'a second Device instance is refused'],
      ['int-685', '1.0', 'the Device instance is not deleted'],
    ],
  ],
  [
    'Connectivity Monitoring, Location, Connectivity Statistics',
    [
      ['int-701', '1.0', 'read Connectivity Monitoring'],
      ['int-705', '1.0', 'write Connectivity Monitoring', NOT_APPLICABLE],
      ['int-710', '1.0', 'observe Connectivity Monitoring'],
      ['int-711', '1.0', 'observe with thresholds and step'],
      ['int-720', '1.0', 'several resource instances', NOTHING_TO_WRITE],
      ['int-730', '1.0', 'create refused'],
      ['int-735', '1.0', 'delete refused'],
      ['int-801', '1.0', 'read Location'],
      ['int-805', '1.0', 'write Location', NOT_APPLICABLE],
      ['int-810', '1.0', 'observe Location'],
      ['int-811', '1.0', 'observe with thresholds and step'],
      ['int-820', '1.0', 'several resource instances', NOTHING_TO_WRITE],
      ['int-830', '1.0', 'create refused'],
      ['int-835', '1.0', 'delete refused'],
      ['int-901', '1.0', 'a collection of statistics'],
      ['int-905', '1.0', 'set the collection period'],
      ['int-910', '1.0', 'observe the statistics'],
      ['int-911', '1.0', 'observe with thresholds and step'],
      ['int-920', '1.0', 'several resource instances', 'no resource of the object is multiple'],
      ['int-930', '1.0', 'create refused'],
      ['int-935', '1.0', 'delete refused'],
    ],
  ],
  [
    'Firmware Update',
    [
      ['int-751', '1.0', 'read the object'],
      ['int-755', '1.0', 'write a package'],
      ['int-756', '1.0', 'write the address of a package'],
      ['int-760', '1.0', 'observe the state'],
      ['int-770', '1.0', 'update by push'],
      ['int-771', '1.0', 'update by address'],
      ['int-772', '1.0', 'update without a package'],
      ['int-773', '1.0', 'not enough storage'],
      ['int-774', '1.0', 'out of memory'],
      ['int-775', '1.0', 'connection lost in a download'],
      ['int-776', '1.0', 'integrity failure'],
      ['int-777', '1.0', 'unsupported package'],
      ['int-778', '1.0', 'invalid address'],
      ['int-779', '1.0', 'failed update'],
      ['int-780', '1.0', 'unsupported protocol'],
    ],
  ],
  [
    'Several servers and further objects',
    [
      ['int-950', '1.0', 'one device at two servers'],
      [
        'int-951',
        '1.0',
        'attributes for each server',
        'the client here has one server at a time, and it is the client that keeps them apart',
      ],
      ['int-1200', '1.0', 'read Cellular Connectivity'],
      ['int-1201', '1.0', 'read Cellular Connectivity 1.1'],
      ['int-1210', '1.0', 'power saving modes (1.2: 1202)'],
      ['int-1230', '1.0', 'observe power saving (1.2: 1203)'],
      ['1.2-int-1204', '1.2', 'observe timers'],
      ['int-1250', '1.0', 'APN profile'],
      ['1.2-int-1350', '1.2', 'bearer selection'],
      ['int-1600', '1.0', 'read Portfolio'],
      ['int-1605', '1.0', 'write Portfolio'],
      ['int-1610', '1.0', 'observe Portfolio'],
      ['int-1611', '1.0', 'observe with thresholds', 'no resource of the object has a numeric value'],
      ['int-1620', '1.0', 'several resource instances'],
      ['int-1630', '1.0 1.1', 'create a Portfolio instance'],
      ['int-1635', '1.0 1.1', 'delete Portfolio instances'],
      ['1.2-int-1900', '1.2', 'observe binary application data'],
      ['1.2-int-1901', '1.2', 'write binary application data'],
      ['1.2-int-2000', '1.2', 'start an event log'],
      ['1.2-int-2001', '1.2', 'read an event log'],
    ],
  ],
  [
    'Beyond the ETS',
    [
      ['x-block-write', '', 'a large Write in blocks'],
      ['x-block-response', '', 'a large answer in blocks'],
      ['x-block-register', '', 'Register and Update in blocks'],
      ['x-dedup', '', 'a repeated message is answered as before'],
      ['x-separate', '', 'separate responses'],
      ['x-retransmit', '', 'retransmission, and its end'],
      ['x-critical', '', 'unknown critical options'],
      ['x-cid', '', 'a new address under a DTLS connection id'],
      ['x-nat', '', 'a new address without one'],
      ['x-queue', '', 'one request at a time while the device is awake'],
      ['x-attr12', '', 'attributes of 1.2'],
      ['x-depth', '', 'Discover with every depth'],
      ['x-pack', '', 'a large Bootstrap-Pack'],
      ['x-cbor', '', 'LwM2M CBOR'],
      ['x-etch', '', 'composites in SenML-ETCH'],
      ['x-gateway', '', 'devices behind a gateway'],
      ['x-fw11', '', 'cancel of a firmware update'],
      ['x-swmgmt', '', 'software management'],
      ['x-forbidden', '', 'a refused Register leads to bootstrap'],
      ['x-uri-path', '', 'a server URI with a path'],
      ['x-replace', '', 'a second registration of an endpoint'],
      ['x-identity', '', 'nobody speaks for another'],
      ['x-mute', '', 'Send only where it is not muted'],
      ['x-restart', '', 'a restart of the server'],
      ['x-storm', '', 'many registrations at once'],
      ['x-fuzz', '', 'random datagrams'],
    ],
  ],
];

export const MATRIX: ReadonlyMap<string, Row> = new Map(
  CHAPTERS.flatMap(([chapter, entries]) =>
    entries.map(([id, versions, purpose, notShown]) => [
      id,
      { id, versions, purpose, chapter, ...(notShown !== undefined && { notShown }) },
    ]),
  ),
);
