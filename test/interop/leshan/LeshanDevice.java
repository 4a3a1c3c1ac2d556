import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.client.object.LwM2mTestObject;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;

/**
 * A device on Eclipse Leshan's client library, with the objects of Leshan's demo client (Device, temperature 3303, test object 3442).
 * Started from its source: java -cp CLASSPATH LeshanDevice.java coap://HOST:PORT ENDPOINT LIFETIME MODELS
 * LIFETIME "bootstrap": the URI is that of its bootstrap server, and it knows no other.
 * Standard input takes one command per line (update, temperature N, send FORMAT PATH..., quit); what happens is one line each on
 * standard output.
 */
public class LeshanDevice {
    private static final int TEMPERATURE_OBJECT = 3303;
    private static final int TEST_OBJECT = 3442;
    private static final int SERVER_ID = 123;
    private static final long SEND_TIMEOUT_MS = 5000;

    public static void main(String[] args) throws Exception {
        String url = args[0];
        String endpoint = args[1];

        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        models.addAll(ObjectLoader.loadObjectsFromDir(new File(args[3])));
        ObjectsInitializer initializer = new ObjectsInitializer(new StaticModel(models));
        Temperature temperature = new Temperature();
        if (args[2].equals("bootstrap")) {
            initializer.setInstancesForObject(LwM2mId.SECURITY, Security.noSecBootstrap(url));
            initializer.setClassForObject(LwM2mId.SERVER, Server.class);
        } else {
            initializer.setInstancesForObject(LwM2mId.SECURITY, Security.noSec(url, SERVER_ID));
            initializer.setInstancesForObject(LwM2mId.SERVER, new Server(SERVER_ID, Long.parseLong(args[2])));
        }
        initializer.setInstancesForObject(LwM2mId.DEVICE, new DemoDevice());
        initializer.setInstancesForObject(TEMPERATURE_OBJECT, temperature);
        initializer.setInstancesForObject(TEST_OBJECT, new LwM2mTestObject());

        LeshanClientBuilder builder = new LeshanClientBuilder(endpoint);
        builder.setObjects(initializer.createAll());
        builder.setEndpointsProviders(new CaliforniumClientEndpointsProvider.Builder(new CoapClientProtocolProvider()).build());
        LeshanClient client = builder.build();
        client.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> client.destroy(true)));
        obey(client, temperature);
    }

    private static void obey(LeshanClient client, Temperature temperature) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.trim().split(" ");
            switch (words[0]) {
            case "update":
                client.triggerRegistrationUpdate();
                break;
            case "temperature":
                temperature.change(Double.parseDouble(words[1]));
                break;
            case "send":
                for (LwM2mServer server : client.getRegisteredServers().values()) {
                    List<String> paths = Arrays.asList(words).subList(2, words.length);
                    say("sent " + client.getSendService()
                            .sendData(server, ContentFormat.fromName(words[1]), paths, SEND_TIMEOUT_MS).getCode());
                }
                break;
            case "quit":
                System.exit(0);
                break;
            default:
                say("unknown " + line);
            }
        }
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
    }

    /** Object 3 with values of every kind, a writable time zone and a reboot that is only told. */
    public static class DemoDevice extends BaseInstanceEnabler {
        private String offset = "+01";

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            switch (resource) {
            case 0:
                return ReadResponse.success(resource, "Leshan Demo Device");
            case 1:
                return ReadResponse.success(resource, "Model 500");
            case 9:
                return ReadResponse.success(resource, 85L);
            case 11:
                Map<Integer, Long> errors = new HashMap<>();
                errors.put(0, 0L);
                return ReadResponse.success(resource, errors, org.eclipse.leshan.core.model.ResourceModel.Type.INTEGER);
            case 14:
                return ReadResponse.success(resource, offset);
            case 16:
                return ReadResponse.success(resource, "U");
            default:
                return super.read(server, resource);
            }
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            if (resource != 14) return super.write(server, replace, resource, value);
            offset = (String) value.getValue();
            say("written " + offset);
            fireResourceChange(resource);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            say("executed " + resource + " " + new String(arguments.serialize()));
            return ExecuteResponse.success();
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return Arrays.asList(0, 1, 4, 9, 11, 14, 16);
        }
    }

    /** Object 3303: changes only when told to. */
    public static class Temperature extends BaseInstanceEnabler {
        private double value = 21.5;

        void change(double next) {
            value = next;
            fireResourceChange(5700);
        }

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            switch (resource) {
            case 5700:
                return ReadResponse.success(resource, value);
            case 5701:
                return ReadResponse.success(resource, "Cel");
            default:
                return super.read(server, resource);
            }
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return Arrays.asList(5700, 5701);
        }
    }
}
