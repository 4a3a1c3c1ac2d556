import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttributeSet;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttributes;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.node.TimestampedLwM2mNodes;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.*;
import org.eclipse.leshan.core.response.*;
import org.eclipse.leshan.core.security.util.SecurityUtil;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.californium.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.server.californium.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.server.californium.endpoint.coaps.CoapsServerProtocolProvider;
import org.eclipse.leshan.server.model.StaticModelProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.queue.PresenceListener;
import org.eclipse.leshan.server.queue.StaticClientAwakeTimeProvider;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.server.security.InMemorySecurityStore;
import org.eclipse.leshan.server.security.SecurityInfo;
import org.eclipse.leshan.server.send.SendListener;

/**
 * A management server on Eclipse Leshan's server library. It does what each line of its input says to the device that registered, and
 * writes one line for each answer ("= CODE …") and for each event.
 * Parameters: UDP port, folder of further object models; then options, each one parameter: "awake MILLISECONDS" a device in queue mode
 * listens, "secure PORT PRIVATE CERTIFICATE ROOT" for DTLS with a key of its own and whom it trusts, "psk ENDPOINT IDENTITY KEY",
 * "rpk ENDPOINT PUBLIC" and "x509 ENDPOINT" for devices it knows, "cid LENGTH" of its connection ids (keys and DER in hex).
 */
public class LeshanManager {
    private static final int LARGEST_BODY = 1_000_000;
    /** The last Observe-Composite, to be cancelled. */
    private static volatile CompositeObservation observed;

    public static void main(String[] parameters) throws Exception {
        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder(
                new CoapServerProtocolProvider(), new CoapsServerProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, LARGEST_BODY);
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(parameters[0])), Protocol.COAP);
        List<ObjectModel> models = ObjectLoader.loadDefault();
        models.addAll(ObjectLoader.loadObjectsFromDir(new File(parameters[1]), false));
        LeshanServerBuilder builder = new LeshanServerBuilder();
        builder.setObjectModelProvider(new StaticModelProvider(models));
        InMemorySecurityStore known = new InMemorySecurityStore();
        builder.setSecurityStore(known);
        for (String option : Arrays.asList(parameters).subList(2, parameters.length)) {
            String[] words = option.split(" ");
            switch (words[0]) {
                case "awake":
                    builder.setClientAwakeTimeProvider(new StaticClientAwakeTimeProvider(Integer.parseInt(words[1])));
                    break;
                case "secure": {
                    endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(words[1])), Protocol.COAPS);
                    X509Certificate own = SecurityUtil.certificate.decode(bytes(words[3]));
                    builder.setPrivateKey(SecurityUtil.privateKey.decode(bytes(words[2])));
                    builder.setCertificateChain(new X509Certificate[] { own });
                    builder.setTrustedCertificates(new X509Certificate[] { SecurityUtil.certificate.decode(bytes(words[4])) });
                    break;
                }
                case "psk":
                    known.add(SecurityInfo.newPreSharedKeyInfo(words[1], words[2], bytes(words[3])));
                    break;
                case "rpk":
                    known.add(SecurityInfo.newRawPublicKeyInfo(words[1], SecurityUtil.publicKey.decode(bytes(words[2]))));
                    break;
                case "x509":
                    known.add(SecurityInfo.newX509CertInfo(words[1]));
                    break;
                case "cid":
                    configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, Integer.parseInt(words[1]));
                    break;
                default: throw new IllegalArgumentException(option);
            }
        }
        builder.setEndpointsProviders(endpoints.setConfiguration(configuration).build());
        LeshanServer server = builder.build();
        AtomicReference<Registration> device = new AtomicReference<>();
        listen(server, device);
        server.start();
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) answer(server, device.get(), line.split(" "));
        server.destroy();
    }

    private static void answer(LeshanServer server, Registration device, String[] words) {
        try {
            LwM2mResponse response = server.send(device, requestOf(words), 10_000);
            System.out.println("= " + (response == null ? "timeout" : response.getCode().getCode() + " " + response));
        } catch (Exception error) {
            System.out.println("= " + error);
        }
    }

    private static String[] pathsIn(String[] words) {
        return words[1].split(",");
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    private static DownlinkRequest<? extends LwM2mResponse> requestOf(String[] words) throws Exception {
        String path = words[1];
        ContentFormat format = words.length > 2 && words[2].matches("\\d+") ? ContentFormat.fromCode(words[2]) : null;
        switch (words[0]) {
            case "read": return new ReadRequest(format, path);
            case "discover": return new DiscoverRequest(path);
            case "execute": return new ExecuteRequest(path, words.length > 2 ? words[2] : null);
            case "delete": return new DeleteRequest(path);
            case "observe": return new ObserveRequest(format, path);
            case "write": {
                String[] ids = path.split("/");
                int object = Integer.parseInt(ids[1]), instance = Integer.parseInt(ids[2]), resource = Integer.parseInt(ids[3]);
                if (format == ContentFormat.OPAQUE)
                    return new WriteRequest(format, object, instance, resource, new byte[Integer.parseInt(words[3])]);
                if (words[3].matches("\\d+")) return new WriteRequest(format, object, instance, resource, Long.parseLong(words[3]));
                return new WriteRequest(format, object, instance, resource, words[3]);
            }
            case "create": return new CreateRequest(format, path, LwM2mSingleResource.newFloatResource(5700, Double.parseDouble(words[3])));
            case "read-composite": return new ReadCompositeRequest(format, format, pathsIn(words));
            case "observe-composite": return new ObserveCompositeRequest(format, format, pathsIn(words));
            case "cancel-composite": return new CancelCompositeObservationRequest(observed);
            case "write-composite": {
                Map<String, Object> values = new LinkedHashMap<>();
                for (String pair : words[1].split(",")) {
                    String value = pair.split("=")[1];
                    values.put(pair.split("=")[0], value.matches("[\\d.]+") ? (Object) Double.parseDouble(value) : value);
                }
                return new WriteCompositeRequest(format, values);
            }
            case "pmax":
                return new WriteAttributesRequest(
                        path, new LwM2mAttributeSet(LwM2mAttributes.create(LwM2mAttributes.MAXIMUM_PERIOD, Long.parseLong(words[2]))));
            default: throw new IllegalArgumentException(words[0]);
        }
    }

    private static void listen(LeshanServer server, AtomicReference<Registration> device) {
        server.getRegistrationService().addListener(new RegistrationListener() {
            public void registered(Registration registration, Registration previous, Collection<Observation> observations) {
                device.set(registration);
                System.out.println("registered " + registration);
            }

            public void updated(RegistrationUpdate update, Registration updated, Registration previous) {
                device.set(updated);
                System.out.println("updated " + updated);
            }

            public void unregistered(Registration registration, Collection<Observation> observations, boolean expired, Registration next) {
                System.out.println("unregistered " + registration.getEndpoint());
            }
        });
        server.getObservationService().addListener(new ObservationListener() {
            public void newObservation(Observation observation, Registration registration) {
                if (observation instanceof CompositeObservation) observed = (CompositeObservation) observation;
            }

            public void cancelled(Observation observation) {}

            public void onResponse(SingleObservation observation, Registration registration, ObserveResponse response) {
                System.out.println("notified " + observation.getPath() + " " + response.getContent());
            }

            public void onResponse(CompositeObservation observation, Registration registration, ObserveCompositeResponse response) {
                System.out.println("notified " + observation.getPaths() + " " + response.getContent());
            }

            public void onError(Observation observation, Registration registration, Exception error) {
                System.out.println("notification not understood " + error);
            }
        });
        server.getPresenceService().addListener(new PresenceListener() {
            public void onAwake(Registration registration) {
                System.out.println("awake " + registration.getEndpoint());
            }

            public void onSleeping(Registration registration) {
                System.out.println("asleep " + registration.getEndpoint());
            }
        });
        server.getSendService().addListener(new SendListener() {
            public void dataReceived(Registration registration, TimestampedLwM2mNodes data, SendRequest request) {
                System.out.println("sent " + data);
            }

            public void onError(Registration registration, String message, Exception error) {
                System.out.println("send not understood " + message);
            }
        });
    }
}
