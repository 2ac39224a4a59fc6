//! The function words of the languages that are easily mistaken for each other in a few words.
//!
//! In a headline of five words trigrams say little, but one `della` or `och` says all.

/// The language, then its words in small letters. A word may stand in several lists; it then counts for less in each.
pub(super) const FUNCTION_WORDS: &[(&str, &str)] = &[
    (
        "fr",
        "le la les l un une des du de d à au aux et est dans sur par pour avec que qu qui ne pas n se s ce cette ces il \
            elle ils elles on nous vous je son sa ses leur leurs en y mais ou où été était sont a ont avait plus selon après \
            c j lors avant aussi entre sous chez lui même dont comme tout très être fait sans depuis si peut ainsi donc ça \
            va vont comment quoi moi oui non merci bonjour cela",
    ),
    (
        "en",
        "the of and to in is are was were for on with that this these by from at as it its be have has had not an or \
            which their they he she his her but will would can could after been who more one all there when than also into \
            about no if what we you i up out may some other over while during many most",
    ),
    (
        "es",
        "el la los las un una unos unas de del al y en que es por con para se no su sus lo como más pero fue son ha este \
            esta estos estas le les ya o porque muy sin sobre también hasta hay donde quien desde todo nos uno ni entre era \
            ser han había puede según cuando e a años está están",
    ),
    (
        "it",
        "il lo la i gli le un uno una di del dello della dei degli delle e è in nel nella nei negli nelle che per con su \
            sul sulla sui non si da dal dalla dai al alla ai alle come più ma sono ha hanno anche se o questo questa quando \
            era stato stata essere suo sua loro ed c l d dell nell all dall a sull tra fra molto possono ad ci",
    ),
    (
        "pt",
        "o a os as um uma uns umas de do da dos das e em no na nos nas que é por pelo pela com para se não seu sua seus \
            suas como mais mas foi são ao aos à às ou este esta isso também até quando muito já sem entre era ser tem têm \
            há está estão foram pode depois sobre onde ele ela eles",
    ),
    (
        "nl",
        "de het een van en in is dat op te zijn voor met die niet aan er om ook als dan maar naar bij door over uit worden \
            werd wordt ze hij zij hun heeft hebben had nog wel of deze dit tot kan kunnen meer was waren geen tussen onder \
            na toen veel andere zich men waar wat ik je u we",
    ),
    (
        "de",
        "der die das den dem des ein eine einen einem einer eines und ist in im zu von mit für auf nicht sich an am auch \
            als dass daß er sie es wir ihr aus bei nach bis über unter um aber oder wie wurde werden wird war waren hat \
            haben hatte sind kann können zum zur vom nur noch durch wenn mehr vor so man diese dieser",
    ),
    (
        "pl",
        "w we i z ze na do nie się jest to o że od po za przez dla jak ale był była było były są być oraz który która \
            które których jego jej ich tym tego ten ta te tej a także lub przy pod nad może już tylko gdy czy co przed \
            między można jako u bardzo więcej oni on ona",
    ),
    (
        "vi",
        "và của là các những một được trong cho có không với người đã này để khi từ ở đến cũng như về ra vào đó tại sẽ \
            bị do sự hay hoặc nhưng trên nhiều năm việc ông bà họ theo sau thì rằng nó mà phải chỉ hơn rất còn làm đang vì",
    ),
    (
        "sv",
        "och att det i en som på är av för den med till har de inte om ett var han men från vid kan så när efter också \
            under mellan eller sig ut hon sina detta blev varit skulle",
    ),
    (
        "da",
        "og at det i en som på er af for den med til har de ikke om et var han men fra ved kan så når efter også under \
            mellem eller sig ud hun dette blev været skulle efter mod",
    ),
    (
        "nb",
        "og at det i en som på er av for den med til har de ikke om et var han men fra ved kan så når etter også under \
            mellom eller seg ut hun dette ble vært skulle mot",
    ),
    (
        "ca",
        "el la els les un una uns unes de del dels d i en que és per amb no es seu seva com més però va són ha aquest \
            aquesta al als l o també fins quan molt ja sense entre era ser han pel pels",
    ),
    (
        "ro",
        "și de la în a cu pe o un este nu că din pentru sunt care mai au fost ce se prin după sau dar ca la cel cea \
            ale lui său sa unui unei era între poate",
    ),
    (
        "tr",
        "ve bir bu da de için ile çok olarak daha olan gibi kadar sonra en ne o var ya veya ise ancak her değil oldu \
            olduğu tarafından",
    ),
    (
        "cs",
        "a v ve je se na že s z o do i to jako pro by byl byla bylo jsou od po za k ale které který která jeho jejich \
            při není také nebo mezi až podle už své",
    ),
    (
        "id",
        "yang dan di ke dari untuk dengan ini itu pada adalah tidak dalam oleh akan telah sebagai juga atau mereka bisa \
            karena ada lebih saat seorang para",
    ),
    (
        "ru",
        "и в во не на что с со по к как а это из за от для его но он она они был была было были же у о при также или \
            который которые их до так более все только может после ее быть если",
    ),
    (
        "uk",
        "і в у не на що з та до як це за від для його але він вона вони був була було були є й при також або який які \
            їх так більше всі може після її бути якщо про",
    ),
    (
        "bg",
        "и в на не за от се да е са с по че като до това при след или но той тя те беше били който които още може има \
            през както със",
    ),
];
