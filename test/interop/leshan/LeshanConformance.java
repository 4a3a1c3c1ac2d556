import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.client.californium.endpoint.coaps.CoapsClientProtocolProvider;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.resource.SimpleInstanceEnabler;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mMultipleResource;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.node.ObjectLink;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.util.datatype.ULong;

/**
 * A device on Eclipse Leshan's client library with every object the conformance scenarios ask for.
 *   java -cp CLASSPATH LeshanConformance.java URL ENDPOINT LIFETIME MODELS nosec | psk IDENTITY KEY | bootstrap | bootstrap-psk IDENTITY KEY
 * Commands, one per line: update, set PATH VALUE, send PATH..., stop.
 */
public class LeshanConformance {
    private static final int SERVER_ID = 123;
    private static final long SEND_TIMEOUT_MS = 5000;
    /** Objects that hold values and do nothing. */
    private static final int[] PLAIN = { 4, 6, 7, 10, 11, 16, 19, 20, 3303, 3442 };

    private static LeshanClient client;
    private static final Map<Integer, Plain> objects = new HashMap<>();

    public static void main(String[] args) throws Exception {
        String url = args[0];
        long lifetime = Long.parseLong(args[2]);
        String mode = args[4];
        byte[] identity = args.length > 6 ? args[5].getBytes() : null;
        byte[] key = args.length > 6 ? HexFormat.of().parseHex(args[6]) : null;

        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        models.addAll(ObjectLoader.loadObjectsFromDir(new File(args[3])));
        ObjectsInitializer initializer = new ObjectsInitializer(new StaticModel(models));
        switch (mode) {
        case "bootstrap":
            initializer.setInstancesForObject(LwM2mId.SECURITY, Security.noSecBootstrap(url));
            initializer.setClassForObject(LwM2mId.SERVER, Server.class);
            break;
        case "bootstrap-psk":
            initializer.setInstancesForObject(LwM2mId.SECURITY, Security.pskBootstrap(url, identity, key));
            initializer.setClassForObject(LwM2mId.SERVER, Server.class);
            break;
        case "psk":
            initializer.setInstancesForObject(LwM2mId.SECURITY, Security.psk(url, SERVER_ID, identity, key));
            initializer.setInstancesForObject(LwM2mId.SERVER, new Server(SERVER_ID, lifetime));
            break;
        default:
            initializer.setInstancesForObject(LwM2mId.SECURITY, Security.noSec(url, SERVER_ID));
            initializer.setInstancesForObject(LwM2mId.SERVER, new Server(SERVER_ID, lifetime));
        }
        add(initializer, LwM2mId.DEVICE, new Device(deviceValues()));
        for (int object : PLAIN) add(initializer, object, new Plain(0, new HashMap<>()));
        initializer.setInstancesForObject(19, objects.get(19), new Plain(1, new HashMap<>()));

        LeshanClientBuilder builder = new LeshanClientBuilder(args[1]);
        builder.setObjects(initializer.createAll());
        builder.setEndpointsProviders(new CaliforniumClientEndpointsProvider.Builder(new CoapClientProtocolProvider(),
                new CoapsClientProtocolProvider()).build());
        client = builder.build();
        client.start();
        obey();
    }

    private static void add(ObjectsInitializer initializer, int object, Plain instance) {
        objects.put(object, instance);
        initializer.setInstancesForObject(object, instance);
    }

    private static Map<Integer, Object> deviceValues() {
        Map<Integer, Object> values = new HashMap<>();
        values.put(14, "+01:00");
        values.put(15, "Europe/Paris");
        values.put(16, "U");
        values.put(7, new HashMap<>(Map.of(0, 3800L, 1, 5000L)));
        values.put(9, 85L);
        values.put(11, new HashMap<>(Map.of(0, 0L)));
        return values;
    }

    private static void obey() throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.trim().split(" ");
            switch (words[0]) {
            case "update":
                client.triggerRegistrationUpdate();
                break;
            case "set":
                LwM2mPath path = new LwM2mPath(words[1]);
                objects.get(path.getObjectId()).set(path, words[2]);
                break;
            case "send":
                for (LwM2mServer server : client.getRegisteredServers().values()) {
                    List<String> paths = Arrays.asList(words).subList(1, words.length);
                    client.getSendService().sendData(server, ContentFormat.SENML_CBOR, paths, SEND_TIMEOUT_MS);
                }
                break;
            case "stop":
                client.stop(true);
                break;
            default:
                System.out.println("unknown " + line);
            }
        }
        System.exit(0);
    }

    /** Values as the model has them, changed by command. */
    public static class Plain extends SimpleInstanceEnabler {
        /** Null in instances that the server creates. */
        private Map<Integer, Object> given;

        public Plain() {
        }

        Plain(int id, Map<Integer, Object> values) {
            super(id, values);
            given = values;
        }

        /** Whatever can be read has a value. */
        @Override
        public void setModel(ObjectModel model) {
            if (given != null) {
                for (ResourceModel resource : model.resources.values()) {
                    if (!resource.operations.isReadable() || given.containsKey(resource.id)) continue;
                    Object value = valueOf(resource.type);
                    if (value != null) given.put(resource.id, resource.multiple ? new HashMap<>(Map.of(0, value)) : value);
                }
            }
            super.setModel(model);
        }

        private static Object valueOf(ResourceModel.Type type) {
            switch (type) {
            case STRING:
                return "text";
            case INTEGER:
                return 1L;
            case UNSIGNED_INTEGER:
                return ULong.valueOf(1);
            case FLOAT:
                return 1.5;
            case BOOLEAN:
                return true;
            case OPAQUE:
                return new byte[] { 1, 2, 3 };
            case TIME:
                return new Date(1_700_000_000_000L);
            case OBJLNK:
                return new ObjectLink(3, 0);
            default:
                return null;
            }
        }

        /** A replacement leaves what only the device can write. */
        @Override
        public void reset(int resource) {
        }

        /** What is executed is there too. */
        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            List<Integer> ids = new ArrayList<>(super.getAvailableResourceIds(model));
            for (ResourceModel resource : model.resources.values())
                if (resource.operations.isExecutable() && !ids.contains(resource.id)) ids.add(resource.id);
            return ids;
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            return ExecuteResponse.success();
        }

        void set(LwM2mPath path, String text) {
            int id = path.getResourceId();
            ResourceModel model = getModel().resources.get(id);
            Object value;
            switch (model.type) {
            case INTEGER:
                value = Long.parseLong(text);
                break;
            case UNSIGNED_INTEGER:
                value = ULong.valueOf(text);
                break;
            case FLOAT:
                value = Double.parseDouble(text);
                break;
            default:
                value = text;
            }
            if (path.isResourceInstance())
                resources.put(id, LwM2mMultipleResource.newResource(id, Map.of(path.getResourceInstanceId(), value), model.type));
            else
                resources.put(id, LwM2mSingleResource.newResource(id, value, model.type));
            fireResourceChange(id);
        }
    }

    /** Reboots in earnest. */
    public static class Device extends Plain {
        public Device() {
        }

        Device(Map<Integer, Object> values) {
            super(0, values);
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            if (resource == 4 || resource == 5) new Thread(LeshanConformance::reboot).start();
            return ExecuteResponse.success();
        }
    }

    private static void reboot() {
        try {
            Thread.sleep(300);
        } catch (InterruptedException interrupted) {
            return;
        }
        client.stop(false);
        client.start();
    }
}
