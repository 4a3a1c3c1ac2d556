import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
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
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.californium.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.server.model.StaticModelProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.server.send.SendListener;

/**
 * A management server on Eclipse Leshan's server library. It does what each line of its input says to the device that registered, and
 * writes one line for each answer ("= CODE …") and for each event.
 * Parameters: UDP port, folder of further object models.
 */
public class LeshanManager {
    public static void main(String[] parameters) throws Exception {
        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder();
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(parameters[0])), Protocol.COAP);
        List<ObjectModel> models = ObjectLoader.loadDefault();
        models.addAll(ObjectLoader.loadObjectsFromDir(new File(parameters[1]), false));
        LeshanServerBuilder builder = new LeshanServerBuilder();
        builder.setEndpointsProviders(endpoints.build());
        builder.setObjectModelProvider(new StaticModelProvider(models));
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
            public void newObservation(Observation observation, Registration registration) {}

            public void cancelled(Observation observation) {}

            public void onResponse(SingleObservation observation, Registration registration, ObserveResponse response) {
                System.out.println("notified " + observation.getPath() + " " + response.getContent());
            }

            public void onResponse(CompositeObservation observation, Registration registration, ObserveCompositeResponse response) {}

            public void onError(Observation observation, Registration registration, Exception error) {
                System.out.println("notification not understood " + error);
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
